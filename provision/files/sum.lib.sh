# SPDX-License-Identifier: BSD-2-Clause
# Where the sum of an uploaded file is remembered (put.sh): its path with "%" for "/". Sets $record.
sum_record() {
	record=${1#/}
	while [ "$record" != "${record#*/}" ]; do record=${record%%/*}%${record#*/}; done
	record=sum/$record
}
