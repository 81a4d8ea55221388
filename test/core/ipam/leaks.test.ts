/** Who is found to be gone, and above all who is not. */

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Effect } from '../../../src/core/effect.ts'
import type { Address } from '../../../src/core/ip/address.ts'
import type { ContainerAnswer } from '../../../src/core/ipam/container.ts'
import { Leaks } from '../../../src/core/ipam/leaks.ts'
import { addressOf } from '../specimens.ts'
import { Desk } from './desk.ts'

const leakMs = 60_000

/** A host on which containers live, die, and are more or less to be seen. */
class Scene {
  readonly desk = new Desk(['172.16.8.0/24'], { witnessed: true })
  leaks = new Leaks(this.desk.ipam, leakMs, 0)
  /** What the host shows of each container; who is not listed is gone. */
  readonly seen = new Map<string, ContainerAnswer['life']>()
  view = '/run/netns 26:1'
  /** Answer on the wire. */
  readonly answering = new Set<string>()
  probes = 0
  /** Set: the wire does not answer before `answer` is called. */
  isWireSlow = false
  #asked: readonly Address[] = []
  readonly notes: string[] = []

  /** A container whose address is its name. */
  start(id: string, life: ContainerAnswer['life'] = 'alive', inode?: string): string {
    const address = this.desk.get(id, inode === undefined ? {} : { inode })
    this.seen.set(address, life)
    this.run()
    return address
  }

  pass(ms: number): void {
    const until = this.desk.now + ms
    for (;;) {
      const next = this.leaks.nextDeadline()
      if (next > until) break
      this.desk.now = Math.max(this.desk.now, next)
      this.run()
    }
    this.desk.now = until
  }

  run(): void {
    for (let effects = this.#flush(); effects.length > 0; effects = this.#flush()) {
      for (const effect of effects) this.#perform(effect)
    }
    this.notes.push(...this.leaks.report().map(({ code }) => code))
    this.desk.perform()
    this.desk.writeAll()
  }

  /** The agent starts anew, with what is stored. */
  restart(): void {
    this.desk.restart()
    this.leaks = new Leaks(this.desk.ipam, leakMs, this.desk.now)
    this.run()
  }

  answer(): void {
    this.leaks.probed(this.#asked.filter(({ text }) => !this.answering.has(text)))
  }

  get held(): string[] {
    return this.desk.ipam
      .view()
      .leases()
      .map(({ address }) => address.text)
  }

  #flush(): Effect[] {
    return this.leaks.flush(this.desk.now)
  }

  #perform(effect: Effect): void {
    if (effect.type === 'look-for-containers') {
      const answers = effect.questions.map(
        ({ address }): ContainerAnswer => ({
          address,
          life: this.seen.get(address.text) ?? 'gone',
          by: this.view,
        }),
      )
      return this.leaks.looked(answers, this.desk.now)
    }
    assert.equal(effect.type, 'probe-addresses')
    if (effect.type !== 'probe-addresses') return
    this.probes += 1
    this.#asked = effect.questions.map(({ address }) => address)
    if (!this.isWireSlow) this.answer()
  }
}

describe('leaks', () => {
  let scene: Scene
  let a = ''
  beforeEach(() => {
    scene = new Scene()
    a = scene.start('a')
  })

  it('frees a lease whose container is missed twice, a minute apart', () => {
    scene.seen.delete(a)
    scene.pass(leakMs)
    assert.deepEqual(scene.held, [a], 'once is not enough')
    scene.pass(leakMs)
    assert.deepEqual(scene.held, [])
    assert.deepEqual(scene.notes, ['lease-leaked'])
    assert.equal(scene.desk.table.stored().leases.length, 0)
  })

  it('frees nothing of a container that lives', () => {
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held, [a])
    assert.equal(scene.probes, 0)
  })

  it('frees nothing of which nothing is known', () => {
    scene.seen.set(a, 'unknown')
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held, [a])
  })

  it('frees nothing by a view that never showed the container alive', () => {
    scene.seen.delete(a)
    scene.view = '/run/netns 99:2'
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held, [a])
  })

  it('frees nothing of a container that answers on the wire', () => {
    scene.seen.delete(a)
    scene.answering.add(a)
    scene.pass(10 * leakMs)
    assert.deepEqual(scene.held, [a])
    assert.ok(scene.probes > 0)
    scene.answering.delete(a)
    scene.pass(3 * leakMs)
    assert.deepEqual(scene.held, [])
  })

  it('frees nothing of a container that lives elsewhere than at its path', () => {
    scene.seen.set(a, 'elsewhere')
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held, [a])
    scene.seen.delete(a)
    scene.pass(3 * leakMs)
    assert.deepEqual(scene.held, [], 'where it was seen at first, it can be missed')
  })

  it('frees nothing of a container that was seen elsewhere alone', () => {
    const hidden = scene.start('hidden', 'elsewhere')
    scene.pass(leakMs)
    scene.seen.delete(hidden)
    scene.pass(100 * leakMs)
    assert.ok(scene.held.includes(hidden))
  })

  it('frees the lease of a container whose namespace’s number another container has', () => {
    scene.seen.set(a, 'elsewhere')
    const later = scene.start('later', 'alive', inodeOf(scene, a))
    scene.pass(2 * leakMs + 1)
    assert.deepEqual(scene.held, [later])
  })

  it('frees nothing of containers that live elsewhere with one number', () => {
    const later = scene.start('later', 'alive', inodeOf(scene, a))
    for (const address of [a, later]) scene.seen.set(address, 'elsewhere')
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held.sort(), [a, later].sort())
  })

  it('frees the lease of a container that ended right after its grant', () => {
    const short = scene.start('short')
    scene.seen.delete(short)
    scene.pass(3 * leakMs)
    assert.deepEqual(scene.held, [a])
  })

  it('looks for who is granted an address while the wire is asked about others', () => {
    scene.seen.delete(a)
    scene.isWireSlow = true
    scene.pass(2 * leakMs)
    assert.equal(scene.probes, 1)
    const short = scene.start('short')
    scene.seen.delete(short)
    scene.answer()
    scene.run()
    assert.deepEqual(scene.held, [short])
    scene.isWireSlow = false
    scene.pass(3 * leakMs)
    assert.deepEqual(scene.held, [])
  })

  it('begins anew with a container that was seen again', () => {
    scene.seen.delete(a)
    scene.pass(leakMs)
    scene.seen.set(a, 'alive')
    scene.pass(leakMs)
    scene.seen.delete(a)
    scene.pass(leakMs)
    assert.deepEqual(scene.held, [a])
  })

  it('misses a container after a restart of the agent, though not in its first minute', () => {
    scene.seen.delete(a)
    scene.restart()
    scene.pass(leakMs - 1)
    assert.deepEqual(scene.held, [a])
    scene.pass(leakMs + 2)
    assert.deepEqual(scene.held, [])
  })

  it('never frees a lease that was granted to somebody else meanwhile', () => {
    scene.seen.delete(a)
    scene.pass(leakMs)
    scene.desk.free('a')
    assert.equal(scene.desk.get('b', { addresses: [a] }), a)
    scene.seen.set(a, 'alive')
    scene.pass(10 * leakMs)
    assert.deepEqual(scene.held, [a])
  })

  it('holds back where many are missed at once, and says so until they are seen again', () => {
    const all = [a]
    for (let index = 0; index < 20; index += 1) all.push(scene.start(`c${index}`))
    for (const address of all) scene.seen.delete(address)
    scene.pass(10 * leakMs)
    assert.equal(scene.held.length, 21)
    assert.deepEqual(scene.leaks.problems(), [{ code: 'leaks-held-back', leases: 21 }])
    scene.start('new')
    assert.deepEqual(scene.leaks.problems(), [{ code: 'leaks-held-back', leases: 21 }])
    scene.pass(2 * leakMs)
    assert.deepEqual(scene.notes, ['leaks-held-back'])
    for (const address of all) scene.seen.set(address, 'alive')
    scene.pass(leakMs)
    assert.deepEqual(scene.leaks.problems(), [])
    // Less than a quarter, but few.
    for (const address of all.slice(0, 8)) scene.seen.delete(address)
    scene.pass(3 * leakMs)
    assert.equal(scene.held.length, 14)
  })

  it('holds nothing back once a person released all of them', () => {
    const all = Array.from({ length: 9 }, (_, index) => scene.start(`c${index}`))
    for (const address of all) scene.seen.delete(address)
    scene.pass(3 * leakMs)
    assert.deepEqual(scene.leaks.problems(), [{ code: 'leaks-held-back', leases: 9 }])
    for (let index = 0; index < 9; index += 1) scene.desk.free(`c${index}`)
    assert.deepEqual(scene.leaks.problems(), [])
  })

  it('leaves alone what another door or a person has', () => {
    scene.desk.ipam.allocate(
      99,
      {
        attachment: { door: 'manual', network: '', id: 'vip', ifname: '' },
        name: '',
        addresses: [addressOf('172.16.8.200')],
        families: [],
        witness: { bootId: '', path: '', inode: '' },
        mac: '',
      },
      scene.desk.now,
    )
    scene.run()
    scene.pass(100 * leakMs)
    assert.deepEqual(scene.held, [a, '172.16.8.200'])
  })

  it('voids the leases of before a boot, and remembers their names', () => {
    const web = scene.desk.get('w', { name: 'default/web' })
    scene.desk.askAdopt([{ id: 'adopted', address: addressOf('172.16.8.200') }])
    scene.run()
    assert.ok(scene.held.includes('172.16.8.200'))
    scene.desk.bootId = 'next'
    scene.restart()
    assert.deepEqual(scene.held, [])
    assert.equal(scene.desk.get('v', { name: 'default/web' }), web)
  })
})

const inodeOf = ({ desk }: Scene, address: string): string =>
  desk.ipam.lease(addressOf(address))?.witness.inode ?? ''
