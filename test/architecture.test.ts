/** The graph of imports keeps the direction that the architecture promises. */

import assert from 'node:assert/strict'
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { architectureOf } from './architecture.ts'

const project = join(import.meta.dirname, '..')

describe('the architecture', () => {
  it('is kept by every file: no import crosses a border, none closes a cycle', async () => {
    const folders = ['src', 'simulations']
    const { files, violations } = await architectureOf(project, folders)
    // With a compiler that it does not know, dependency-cruiser sees no file and finds no fault.
    const onDisk = globSync(
      folders.map((folder) => `${folder}/**/*.{ts,tsx}`),
      { cwd: project },
    )
    assert.deepEqual(
      onDisk.filter((file) => !files.includes(file)),
      [],
      'files that were not looked at',
    )
    assert.deepEqual(violations, [])
  })
})

describe('the rules of the architecture', () => {
  const base = mkdtempSync(join(tmpdir(), 'starling-architecture-'))
  after(() => rmSync(base, { recursive: true }))

  /** A project of its own for each test, of files that import one another. */
  async function violationsOf(name: string, sources: Record<string, string>): Promise<string> {
    for (const [path, source] of Object.entries(sources)) {
      const file = join(base, name, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, source)
    }
    const { violations } = await architectureOf(join(base, name), ['src', 'simulations'])
    return violations.join('\n')
  }

  const empty = { 'src/empty.ts': 'export {}\n', 'simulations/empty.ts': 'export {}\n' }

  it('find a core that reads a clock of the platform', async () => {
    const found = await violationsOf('builtin', {
      ...empty,
      'src/core/clock.ts': `import { hrtime } from 'node:process'\nexport const now = hrtime\n`,
    })
    assert.match(found, /src\/core\/\(\?!ip\/\) is closed: src\/core\/clock.ts -> process/)
  })

  it('find a core that knows an adapter, even if only its types', async () => {
    const found = await violationsOf('types', {
      ...empty,
      'src/core/agent.ts': `import type { Socket } from '../adapters/netlink/socket.ts'\nexport type S = Socket\n`,
      'src/adapters/netlink/socket.ts': 'export interface Socket { fd: number }\n',
    })
    assert.match(found, /is closed: src\/core\/agent.ts -> src\/adapters\/netlink\/socket.ts/)
  })

  it('find an adapter that knows another one', async () => {
    const found = await violationsOf('adapters', {
      ...empty,
      'src/adapters/api/server.ts': `export * from '../store/store.ts'\n`,
      'src/adapters/store/store.ts': 'export const store = 1\n',
    })
    assert.match(found, /has a border: src\/adapters\/api\/server.ts -> src\/adapters\/store/)
  })

  it('find an adapter that parses CNI and is not the one that does, and a parser that does I/O', async () => {
    const found = await violationsOf('cni', {
      ...empty,
      'src/adapters/api/server.ts': `export * from '../../cni/call.ts'\n`,
      'src/adapters/cni/server.ts': `export * from '../../cni/call.ts'\n`,
      'src/cni/call.ts': `import { readFileSync } from 'node:fs'\nexport const call = readFileSync\n`,
    })
    assert.match(found, /has a border: src\/adapters\/api\/server.ts -> src\/cni\/call.ts/)
    assert.match(found, /\^src\/cni\/ is closed: src\/cni\/call.ts -> fs/)
    assert.doesNotMatch(found, /src\/adapters\/cni/)
  })

  it('find a command line that reaches libp2p by a detour', async () => {
    const found = await violationsOf('detour', {
      ...empty,
      'src/cli/cli.ts': `export * from '../config.ts'\n`,
      'src/config.ts': `export * from './adapters/libp2p/node.ts'\n`,
      'src/adapters/libp2p/node.ts': 'export const node = 1\n',
    })
    assert.match(found, /out of reach of \^src\/cli\/: src\/cli\/cli.ts -> src\/adapters\/libp2p/)
  })

  it('find a simulator that reaches an adapter by a detour', async () => {
    const found = await violationsOf('simulator', {
      ...empty,
      'simulations/sim/world.ts': `export * from '../../src/runtime/loop.ts'\n`,
      'src/runtime/loop.ts': `export * from '../adapters/store/store.ts'\n`,
      'src/adapters/store/store.ts': 'export const store = 1\n',
    })
    assert.match(found, /out of reach of .*: simulations\/sim\/world.ts -> src\/adapters\/store/)
    assert.match(found, /is closed: src\/runtime\/loop.ts -> src\/adapters\/store/)
  })

  it('find two files that import each other', async () => {
    const found = await violationsOf('cycle', {
      ...empty,
      'src/core/a.ts': `import type { B } from './b.ts'\nexport type A = B\n`,
      'src/core/b.ts': `import type { A } from './a.ts'\nexport type B = A[]\n`,
    })
    assert.match(found, /no cycles: src\/core\/a.ts -> src\/core\/b.ts/)
  })
})
