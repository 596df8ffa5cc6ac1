/* SPDX-License-Identifier: BSD-2-Clause */
/* Included on every compiler command line: calls that have no safe use here do not compile. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok system popen
#pragma GCC poison atoi atol atof tmpnam mktemp ctime asctime gmtime localtime
#endif
#endif
