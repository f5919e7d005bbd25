/* SPDX-License-Identifier: Apache-2.0 */
/* Between the loader's files. */
#pragma once

#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "kernel/task/image.h"
#include "kernel/vfs/node.h"

struct stub_thread;
struct task;

#define BINARY_HEAD 4096 /* enough for the program headers of all but odd files */

/* A file to be run: opened, known to be a regular file that may be executed, its first bytes read.
 */
struct binary {
    struct file *file; /* referenced */
    struct path path;  /* referenced */
    struct attr attr;
    size_t n_head;
    uint8_t head[BINARY_HEAD];
};

int binary_open(struct task *t, const struct path *at, const char *name, uint32_t walk_flags,
                struct binary *ret) must_check;
int binary_open_path(struct task *t, const struct path *p, struct binary *ret) must_check;
void binary_close(struct binary *b);
/* Exactly n bytes at off, else -ENOEXEC (the file is shorter) or the driver's error. */
int binary_read(struct binary *b, void *dst, size_t n, uint64_t off) must_check;
/* Checked headers. The image is large: in the caller's heap object. */
int binary_parse(struct binary *b, struct elf_image *ret) must_check;

/* Where things ended up; what the stack and /proc need to know. */
struct loaded {
    uint64_t base;  /* of the program, 0 for ET_EXEC */
    uint64_t entry; /* the first instruction: the interpreter's if there is one */
    uint64_t prog_entry, phdr, interp_base;
    uint16_t phnum;
    uint64_t brk; /* page aligned, randomised */
    uint64_t code_start, code_end;
    bool stack_exec;
};

/* Maps the program and its interpreter into the fresh image. */
int load_program(struct task *t, struct stub_thread *st, struct binary *b,
                 const struct elf_image *im, struct loaded *ret) must_check;

struct stack_request {
    const struct exec_strings *argv, *envp;
    const char *execfn;
    const struct loaded *l;
    uint32_t uid, euid, gid, egid;
    bool secure, no_random;
};

/* Maps and fills the first stack; notes ranges and auxv in *im. */
int build_stack(struct stub_thread *st, const struct stack_request *q, struct image *im,
                uint64_t *ret_sp) must_check;

/* Random page-aligned offset below range (a power of two); 0 when the personality says so. */
uint64_t random_pages(uint64_t range, bool no_random);

/* If `b` is a script: *ret_interp (malloc'd) is the interpreter's path and argv is rewritten; 1.
 * Not a script: 0. */
int script_parse(const struct binary *b, const char *script_path, struct exec_strings *argv,
                 char **ret_interp) must_check;
