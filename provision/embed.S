/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of provision/files/, one {name, text} row each, ended by a zero row (made by build.mk). */
#include "provision/files.S"
	.section .note.GNU-stack,"",%progbits
