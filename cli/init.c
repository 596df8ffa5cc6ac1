#include "cli/verbs.h"
int verb_init(struct cli *cli, int argc, char **argv) { (void)cli;(void)argc;(void)argv; return 0; }
