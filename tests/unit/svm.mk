# svm/: events between neutral form and VMCB.
UNIT += test_svm_event
test_svm_event_SRCS := tests/unit/test_svm_event.c svm/event.c
