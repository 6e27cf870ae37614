# SPDX-License-Identifier: Apache-2.0
# With --sysbuild: the host as a second image, on the same board.
amp_ivshmem_add_peer(CONFIG CONFIG_SIZE_HOST)
