# SPDX-License-Identifier: Apache-2.0
"""Mounts made inside: with CAP_SYS_ADMIN, and never without."""
from cases_run import both, out, sh

ADMIN = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"]


def admin(p, script, **process):
    return out(p, script, capabilities={k: ADMIN for k in ("bounding", "effective", "permitted")}, **process)


@both
def test_real_mounts_of_the_privileged(p):
    assert admin(p, "busybox mkdir /tmp/t && mount -t tmpfs -o size=64k,mode=750 x /tmp/t && echo hello > /tmp/t/f &&"
                    " cat /tmp/t/f && grep -c ' /tmp/t tmpfs rw,.*size=64k' /proc/mounts &&"
                    " busybox umount /tmp/t && ls /tmp/t | wc -l", cwd="/tmp").split() == ["hello", "1", "0"]


@both
def test_real_what_the_container_was_given_stays_read_only(p):
    p.config["root"] = {"path": "rootfs", "readonly": True}
    text = admin(p, "mount -o remount,rw / 2>&1; mount -o remount,bind,rw / 2>&1; echo x > /etc/new; echo $?")
    assert text.splitlines()[-1] == "1", text


@both
def test_real_mounts_without_privilege(p):
    r = sh(p, "mount -t tmpfs x /tmp; echo $?; busybox umount /proc; echo $?; busybox unshare -m true; echo $?",
           capabilities={"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]})
    assert r.out.split() == ["1", "1", "1"] and "ermission denied" in r.err or "not permitted" in r.err, r


@both
def test_real_name_spaces_and_pivot_root(p):
    script = ("busybox unshare -m sh -c 'busybox mkdir -p /tmp/r; mount -t tmpfs x /tmp/r; busybox mkdir -p /tmp/r/bin /tmp/r/old;"
              " busybox cp /bin/busybox /tmp/r/bin/; busybox pivot_root /tmp/r /tmp/r/old; cd /;"
              " /bin/busybox umount -l /old; /bin/busybox ls /'; ls / | grep -c proc")
    assert admin(p, script).split() == ["bin", "old", "1"]


@both
def test_real_mount_points_can_be_covered_and_come_back(p):
    text = admin(p, "mount -t tmpfs x /proc; ls /proc | wc -l; busybox umount /proc; ls -d /proc/self; busybox umount /; echo $?")
    assert text.split()[:2] == ["0", "/proc/self"] and text.split()[-1] != "0", text
