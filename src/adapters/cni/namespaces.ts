/** Whether the network namespace of a lease still stands where it stood: that shows life, and its lack shows nothing. */

import { stat } from 'node:fs/promises'
import type { Witness } from '../../core/ipam/lease.ts'

export async function stands(witness: Witness, bootId: string): Promise<boolean> {
  if (witness.bootId !== bootId || witness.path === '' || witness.inode === '') return false
  try {
    const { dev, ino } = await stat(witness.path)
    return `${dev}:${ino}` === witness.inode
  } catch {
    // Gone, or out of this agent's sight: in both cases it is nobody's witness.
    return false
  }
}
