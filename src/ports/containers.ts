/** What of the host tells whether a container lives. */

import type { ContainerAnswer, ContainerQuestion } from '../core/ipam/container.ts'

export interface Containers {
  /** One answer per question, in order. What cannot be seen is `unknown`; never rejects. */
  look(questions: readonly ContainerQuestion[]): Promise<readonly ContainerAnswer[]>
}
