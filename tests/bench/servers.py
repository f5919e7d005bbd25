# SPDX-License-Identifier: Apache-2.0
"""Servers with their clients, both inside and over its loopback interface, from the host's /usr. What is given is
the time for one request (of all connections together), or for one MB: the less the better.

`do` is a column of its own, as with whole programs."""
import os
import shutil

from programs import CAPS, Do, make_bundle
from runtimes import Native, Unusable, attempt, cloister_command, write_config

LIMIT = 300
PROGRAMS = ("redis-server", "redis-benchmark", "nginx", "wrk", "iperf3", "python3")
UNTIL = 'until_ok() { for i in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; }\n'
# Each prints lines NAME RATE. N: a number of requests.
SCRIPTS = {
    "redis": (("redis_set_p1", "redis_get_p1", "redis_set_p16", "redis_get_p16"), """
        redis-server --port 7311 --save '' --dir /tmp --logfile /tmp/redis.log & server=$!
        until_ok redis-cli -p 7311 ping
        for p in 1 16; do redis-benchmark -p 7311 -n $((N * p)) -P $p -t set,get --csv |
            tr -d '"' | awk -F, -v p=$p '/^(SET|GET),/ { print "redis_" tolower($1) "_p" p, $2 }'; done
        kill $server; wait"""),
    "nginx": (("nginx_1", "nginx_32"), """
        mkdir -p /tmp/nginx/html; head -c 10240 /dev/zero | tr '\\0' x >/tmp/nginx/html/file
        echo "daemon off; master_process off; pid /tmp/nginx/pid; error_log /tmp/nginx/log; events { worker_connections 512; }
            http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path /tmp/nginx/b;
            proxy_temp_path /tmp/nginx/p; fastcgi_temp_path /tmp/nginx/f; uwsgi_temp_path /tmp/nginx/u;
            scgi_temp_path /tmp/nginx/s; server { listen 7312; root /tmp/nginx/html; } }" >/tmp/nginx/conf
        nginx -p /tmp/nginx -c conf 2>/dev/null & server=$!
        sleep 0.5
        for c in 1 32; do wrk -t1 -c$c -d$SECONDS_EACH http://127.0.0.1:7312/file |
            awk -v c=$c '/Requests\\/sec/ { print "nginx_" c, $2 }'; done
        kill $server; wait"""),
    "iperf3": (("iperf3",), """
        iperf3 -s -p 7313 >/dev/null & server=$!
        sleep 0.5
        iperf3 -c 127.0.0.1 -p 7313 -t $SECONDS_EACH --json |
            python3 -c 'import json, sys; print("iperf3", json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 8e6)'
        kill $server; wait"""),
}
NAMES = [name for names, _ in SCRIPTS.values() for name in names]


def run_one(r, bundle, binds, work, script, settings):
    command = ["/bin/sh", "-c", settings + UNTIL + script]
    if r.name == "do":
        argv = [cloister_command(), "do", "--"] + command
    elif isinstance(r, Native):
        argv = command
    else:
        write_config(bundle, command, binds, "/work", CAPS)
        argv = r.argv(bundle=bundle)
    run = attempt(argv, LIMIT, work)
    found = {}
    for line in run.stdout.decode(errors="replace").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in NAMES and float(words[1]) > 0:
            found[words[0]] = 1e9 / float(words[1])
    return found, f"status {run.returncode} " + run.stderr.decode(errors="replace")[-200:].strip()


def servers(found, wanted, quick, notes, top):
    """{name: {runtime: ns}}"""
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        raise Unusable("not installed: " + " ".join(missing))
    work = os.path.join(top, "servers-work")
    os.makedirs(work)
    bundle, binds = make_bundle(top, work, "servers")
    settings = f"PATH=$PATH:/usr/sbin N={10000 if quick else 40000} SECONDS_EACH={1 if quick else 4}\n"
    values = {n: {} for n in wanted}
    for names, script in SCRIPTS.values():
        if not set(names) & set(wanted):
            continue
        for r in found + ([Do()] if any(r.name == "cloister" for r in found) else []):
            rates, error = run_one(r, bundle, binds, work, script, settings)
            if set(names) - set(rates):
                notes[r.name] = (notes.get(r.name, "") + f" {names[0]}: {error}").strip()
            for name in set(names) & set(wanted) & set(rates):
                values[name][r.name] = rates[name]
    return values
