/** The one table of the codes of events, from which their documentation and `starling help CODE` are made. */

import { describe } from '../describe.ts'
import type { Level } from '../description.ts'
import { addressCodes } from './addresses.ts'
import { admissionCodes } from './admission.ts'
import { claimCodes } from './claims.ts'
import type { Code, Codes } from './code.ts'
import { hostCodes } from './host.ts'
import { nodeCodes } from './nodes.ts'
import { routeCodes } from './routes.ts'

export const codes: Codes = {
  ...nodeCodes,
  ...claimCodes,
  ...routeCodes,
  ...addressCodes,
  ...hostCodes,
  ...admissionCodes,
}

/** In the order in which people read of them. */
export const topics: ReadonlyMap<string, ReadonlyMap<string, Code>> = new Map(
  Object.entries({
    'Nodes and connections': nodeCodes,
    'The own subnet': claimCodes,
    Routes: routeCodes,
    'Addresses of containers': addressCodes,
    'The host': hostCodes,
    Admission: admissionCodes,
  }).map(([title, those]) => [title, new Map<string, Code>(Object.entries(those))]),
)

const byName: ReadonlyMap<string, Code> = new Map<string, Code>(Object.entries(codes))

export const codeNamed = (name: string): Code | undefined => byName.get(name)

/** Most have one. */
export const levelsOf = ({ examples }: Code): readonly Level[] => [
  ...new Set(examples.map((note) => describe(note).level)),
]

/** Names of the facts that go with it. */
export const factsOf = ({ examples }: Code): readonly string[] =>
  [...new Set(examples.flatMap((note) => Object.keys(note)))].filter((name) => name !== 'code')
