/* SPDX-License-Identifier: MIT */
/* Circular doubly-linked list with the links inside its members. */
#ifndef MMU_LIST_H
#define MMU_LIST_H

#include "mmu/types.h"

struct mmu_list {
	struct mmu_list *next, *prev;
};

#define list_entry(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

static inline void list_init(struct mmu_list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct mmu_list *head)
{
	return head->next == head;
}

static inline void list_add(struct mmu_list *head, struct mmu_list *n)
{
	n->next = head->next;
	n->prev = head;
	head->next->prev = n;
	head->next = n;
}

static inline void list_del(struct mmu_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static inline void list_move(struct mmu_list *head, struct mmu_list *n)
{
	list_del(n);
	list_add(head, n);
}

#endif
