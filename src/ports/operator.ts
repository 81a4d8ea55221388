/** How an operator's front door reaches the agent. */

import type { CommandResult } from '../core/effect.ts'
import type { Command } from '../core/event.ts'
import type { Note } from '../core/note.ts'
import type { AgentView } from '../core/view.ts'

export interface Operator {
  view(): AgentView
  /** Never rejects: failures are values. */
  command(command: Command): Promise<CommandResult>
  /** Calls back at every note until the returned function is called. */
  watch(listener: (note: Note) => void): () => void
}
