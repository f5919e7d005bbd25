/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list: a ring through a head. A struct list must be initialised before any
 * use, as a head and as a link; a link that list_del() took out is initialised again, so
 * list_empty(&x->link) says "not in a list" and deleting twice does no harm.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_between_(struct list *item, struct list *prev, struct list *next)
{
    item->prev = prev;
    item->next = next;
    prev->next = item;
    next->prev = item;
}

/* Item first, head second; the item becomes the first. */
static inline void list_add(struct list *item, struct list *head)
{
    list_insert_between_(item, head, head->next);
}

/* The item becomes the last; with a member as `head`: goes in front of that member. */
static inline void list_add_tail(struct list *item, struct list *head)
{
    list_insert_between_(item, head->prev, head);
}

static inline void list_del(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline void list_move_tail(struct list *item, struct list *head)
{
    list_del(item);
    list_add_tail(item, head);
}

/* Appends all of `from` to `to`, in order, and leaves `from` empty. */
static inline void list_splice_tail(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Takes out and returns the first item, NULL when there is none. */
static inline struct list *list_pop(struct list *head)
{
    if (list_empty(head))
        return NULL;
    struct list *item = head->next;
    list_del(item);
    return item;
}

static inline size_t list_count(const struct list *head)
{
    size_t n = 0;
    for (const struct list *i = head->next; i != head; i = i->next)
        n++;
    return n;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
/* The list must not be empty. */
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_first_or_null(head, type, member) \
    (list_empty(head) ? NULL : list_first_entry(head, type, member))

/* pos: struct list *. The _safe forms let the loop take `pos` out of the list. */
#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head) \
    for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

/* pos: pointer to the containing struct. */
#define list_for_each_entry(pos, head, member)                                             \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, tmp, head, member)              \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
         &pos->member != (head);                                      \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
