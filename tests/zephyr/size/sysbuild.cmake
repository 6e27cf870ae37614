# SPDX-License-Identifier: Apache-2.0
# If --sysbuild is given, builds the host as a second image for the same board.
amp_ivshmem_add_peer(CONFIG CONFIG_SIZE_HOST)
