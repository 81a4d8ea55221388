/** Which network namespaces of a real kernel are found, and what is said where they cannot be. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hostContainers } from '../../../src/adapters/host/containers.ts'
import { parseAddress } from '../../../src/core/ip/address.ts'
import type { ContainerAnswer, ContainerQuestion } from '../../../src/core/ipam/container.ts'
import { inNamespace } from '../netlink/in-namespace.ts'

const module = new URL('../../../src/adapters/host/containers.ts', import.meta.url).pathname

// Names of namespaces are mounts: those made here are seen here alone.
if (await inNamespace(import.meta.url, '--mount')) describe('looking for containers', suite)

function suite(): void {
  let directory = ''
  let children: ChildProcess[] = []
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'starling-netns-'))
  })
  afterEach(async () => {
    for (const child of children) await end(child)
    children = []
    // What is mounted below goes with it.
    run('umount', '--lazy', '--recursive', directory)
    rmSync(directory, { recursive: true })
  })
  beforeEach(() => run('mount', '--bind', directory, directory))

  /** A process in a namespace of its own, or in that of another process. */
  async function process(inside?: ChildProcess): Promise<ChildProcess> {
    const enter = inside ? ['nsenter', `--net=${pathOf(inside)}`] : ['unshare', '--net']
    const words = [...enter.slice(1), 'sh', '-c', 'echo ready; exec sleep 1000']
    const child = spawn(enter[0] ?? '', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout, 'data')
    return child
  }

  /** A name for the process's namespace, as `ip netns` makes it. */
  function nameFor(child: ChildProcess, name = 'c1'): string {
    const path = join(directory, name)
    writeFileSync(path, '')
    run('mount', '--bind', pathOf(child), path)
    return path
  }

  function removeName(path: string): void {
    run('umount', path)
    rmSync(path)
  }

  describe('by a name', () => {
    it('finds it, with and without a process in it', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      const { life, by } = await look(question)
      assert.deepEqual([life, by !== ''], ['alive', true])
      await end(child)
      assert.deepEqual(await look(question), { address: question.address, life, by })
    })

    it('finds it under another name', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      nameFor(child, 'c2')
      removeName(question.path)
      await end(child)
      assert.equal((await look(question)).life, 'elsewhere')
    })

    it('finds it by a process where the name is gone, and misses it when that ends', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      const { by } = await look(question)
      removeName(question.path)
      assert.equal((await look(question)).life, 'elsewhere')
      await end(child)
      assert.deepEqual(await look(question), { address: question.address, life: 'gone', by })
    })

    it('misses it where its name is another’s', async () => {
      const [child, other] = [await process(), await process()]
      const question = questionOf(nameFor(child))
      removeName(question.path)
      nameFor(other)
      await end(child)
      assert.equal((await look(question)).life, 'gone')
    })

    it('knows nothing where a name has no namespace mounted on it, whosever it is', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      removeName(question.path)
      await end(child)
      writeFileSync(join(directory, 'other'), '')
      assert.equal((await look(question)).life, 'unknown')
      rmSync(join(directory, 'other'))
      assert.equal((await look(question)).life, 'gone')
    })

    it('knows nothing where the directory is not there', async () => {
      const child = await process()
      const question = { ...questionOf(nameFor(child)), path: join(directory, 'none', 'c1') }
      assert.deepEqual(await look(question), {
        address: question.address,
        life: 'elsewhere',
        by: '',
      })
      removeName(join(directory, 'c1'))
      await end(child)
      assert.deepEqual(await look(question), { address: question.address, life: 'unknown', by: '' })
    })

    it('calls a directory that hides the former one by another name', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      const { by } = await look(question)
      run('mount', '-t', 'tmpfs', 'tmpfs', directory)
      const hidden = await look(question)
      assert.equal(hidden.life, 'elsewhere', 'by its process')
      await end(child)
      const missed = await look(question)
      assert.notEqual(missed.by, by)
      run('umount', directory)
      assert.deepEqual(await look(question), { address: question.address, life: 'alive', by })
    })

    it('knows nothing where the directory may not be read', async () => {
      const child = await process()
      const question = questionOf(nameFor(child))
      removeName(question.path)
      await end(child)
      run('chmod', '0', directory)
      assert.equal(lookWithout('dac_override', 'dac_read_search', question).life, 'unknown')
      run('chmod', '700', directory)
      assert.equal(lookWithout('dac_override', 'dac_read_search', question).life, 'gone')
    })
  })

  describe('by a process', () => {
    it('finds it, and misses it when the process has ended', async () => {
      const child = await process()
      const question = questionOf(pathOf(child))
      const { life, by } = await look(question)
      assert.deepEqual([life, by !== ''], ['alive', true])
      await end(child)
      assert.deepEqual(await look(question), { address: question.address, life: 'gone', by })
    })

    it('finds it by another process in it', async () => {
      const child = await process()
      const question = questionOf(pathOf(child))
      await process(child)
      await end(child)
      assert.equal((await look(question)).life, 'elsewhere')
    })

    it('is not taken in by a process that is in another namespace under its number', async () => {
      const [child, other] = [await process(), await process()]
      const { inode } = questionOf(pathOf(child))
      const question = { ...questionOf(pathOf(other)), inode }
      assert.equal((await look(question)).life, 'elsewhere')
      await end(child)
      assert.equal((await look(question)).life, 'gone')
    })

    it('knows nothing where processes may not be looked at', async () => {
      const child = await process()
      const question = questionOf(pathOf(child))
      await end(child)
      assert.equal(lookWithout('sys_ptrace', 'sys_admin', question).life, 'unknown')
    })

    it('knows nothing where processes of others are hidden', async () => {
      const child = await process()
      const question = questionOf(pathOf(child))
      await end(child)
      run('mount', '-t', 'proc', '-o', 'hidepid=2', 'proc', '/proc')
      try {
        assert.equal(lookWithout('sys_ptrace', 'sys_admin', question).life, 'unknown')
      } finally {
        run('umount', '/proc')
      }
    })
  })
}

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8' })

const pathOf = ({ pid }: ChildProcess): string => `/proc/${pid}/ns/net`

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

const address = parseAddress('172.16.8.20')

function questionOf(path: string): ContainerQuestion {
  assert.ok(address)
  const { dev, ino } = statSync(path)
  return { address, path, inode: `${dev}:${ino}` }
}

async function look(question: ContainerQuestion): Promise<ContainerAnswer> {
  const [answer] = await hostContainers.look([question])
  assert.ok(answer)
  return answer
}

/** By a process that lacks these capabilities. */
function lookWithout(first: string, second: string, question: ContainerQuestion): ContainerAnswer {
  const { path, inode } = question
  const program = `import { hostContainers } from ${JSON.stringify(module)}
    const asked = ${JSON.stringify([{ path, inode }])}
    console.log(JSON.stringify(await hostContainers.look(asked)))`
  const node = [process.execPath, '--input-type=module', '--eval', program]
  const [answer] = JSON.parse(run('setpriv', `--bounding-set=-${first},-${second}`, ...node))
  return answer
}
