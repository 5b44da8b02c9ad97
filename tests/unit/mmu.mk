MMU_LIB := $(wildcard mmu/*.c) tests/unit/fake_platform.c tests/unit/fake_cpu.c

UNIT += test_walk test_perm test_mmu_stats
test_walk_SRCS := tests/unit/test_walk.c $(MMU_LIB)
test_perm_SRCS := tests/unit/test_perm.c guests/tiny/access/rules.c $(MMU_LIB)
test_mmu_stats_SRCS := tests/unit/test_mmu_stats.c $(MMU_LIB)
MMU_VTLB := test_vtlb test_vtlb_flush test_vtlb_life
UNIT += $(MMU_VTLB)
$(foreach t,$(MMU_VTLB),$(eval $(t)_SRCS := tests/unit/$(t).c $(MMU_LIB)))
# I1 .. I19, and life: each under every engine
MMU_INVARIANTS := test_invariants_rights test_invariants_flush test_invariants_tables test_invariants_work test_mmu_life
UNIT += $(MMU_INVARIANTS)
$(foreach t,$(MMU_INVARIANTS),$(eval $(t)_SRCS := tests/unit/$(t).c $(MMU_LIB)))
UNIT += test_audit
test_audit_SRCS := tests/unit/test_audit.c $(MMU_LIB)
UNIT += test_xi test_xi_ways
test_xi_SRCS := tests/unit/test_xi.c $(MMU_LIB)
test_xi_ways_SRCS := tests/unit/test_xi_ways.c $(MMU_LIB)
UNIT += test_record
test_record_SRCS := tests/unit/test_record.c $(MMU_LIB)
