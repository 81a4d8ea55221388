/** What the daemon writes, and that it never writes without bounds. */

import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fanOut } from '../../../src/adapters/telemetry/fan-out.ts'
import { type Log, type LogOptions, logTelemetry } from '../../../src/adapters/telemetry/log.ts'
import type { NodeId } from '../../../src/core/claim/record.ts'
import type { Note } from '../../../src/core/note.ts'
import type { Clock } from '../../../src/ports/clock.ts'

let directory = ''
let fd = 0
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'starling-log-'))
  fd = openSync(join(directory, 'log'), 'a')
})
afterEach(() => {
  closeSync(fd)
  rmSync(directory, { recursive: true })
})

/** A clock that stands until it is stepped. */
function steppedClock(): Clock & { step(ms: number): void; readonly timers: number } {
  let now = 0
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    now: () => now,
    schedule: (at, callback) => {
      const timer = { at, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    step: (ms) => {
      now += ms
      for (const timer of [...timers]) {
        if (timer.at <= now && timers.delete(timer)) timer.callback()
      }
    },
    get timers() {
      return timers.size
    },
  }
}

const clock = steppedClock()
const log = (options: Partial<LogOptions> = {}): Log =>
  logTelemetry({ level: 'info', format: 'json', clock: steppedClock(), fd, ...options })

const written = (): string => readFileSync(join(directory, 'log'), 'utf8')
const lines = (): Record<string, unknown>[] =>
  written()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const node = '12D3KooWA' as NodeId
const joined: Note = { code: 'node-joined', node, name: 'b' }
const drifted = (index: number): Note => ({
  code: 'route-drifted',
  prefix: `10.0.${index}.0/24`,
  by: 'removed',
  more: 0,
})

describe('the log', () => {
  test('writes a note as one JSON line with its words, its code and its facts', () => {
    log().note(drifted(1))
    const [{ time, ...line } = {}] = lines()
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[0-9:.]+Z$/)
    assert.deepEqual(line, {
      level: 'warn',
      code: 'route-drifted',
      prefix: '10.0.1.0/24',
      by: 'removed',
      more: 0,
      mend: 'find what writes to the route table: ip monitor route',
      msg: 'route 10.0.1.0/24 was removed by another process and is put back',
    })
  })

  test('leaves out a mend where nothing is wrong, and what is below its level', () => {
    log().note(joined)
    assert.ok(!('mend' in (lines()[0] ?? {})))
    log({ level: 'error' }).note(joined)
    assert.equal(lines().length, 1)
  })

  test('takes the words of the daemon itself with their facts', () => {
    log().error('cannot start', { code: 'already-running' })
    assert.deepEqual(
      lines().map(({ level, msg, code }) => [level, msg, code]),
      [['error', 'cannot start', 'already-running']],
    )
  })

  test('writes for people where it is told to, and JSON where auto finds no terminal', () => {
    log({ format: 'pretty' }).note({ code: 'node-joined', node, name: 'b\u001b[2J' })
    assert.match(written(), /INFO.*node b\?\[2J joined\n$/)
    const before = written().length
    log({ format: 'auto' }).note(joined)
    assert.match(written().slice(before), /^\{"level":"info"/)
  })

  test('outlives the loss of its reader', () => {
    const broken = openSync('/dev/full', 'w')
    log({ fd: broken }).note(joined)
    closeSync(broken)
  })
})

describe('a burst', () => {
  test('about one subject is five lines and a summary when its window ends', () => {
    const own = steppedClock()
    const telemetry = log({ clock: own })
    for (let index = 0; index < 1_000; index += 1) telemetry.note(drifted(1))
    assert.equal(lines().length, 5)
    own.step(10_000)
    assert.deepEqual(
      lines()
        .slice(5)
        .map(({ msg, level, suppressed }) => [msg, level, suppressed]),
      [['995 more of route-drifted in 10 s', 'warn', 995]],
    )
    assert.equal(own.timers, 0)
    telemetry.note(drifted(1))
    assert.equal(lines().length, 7, 'afterwards it is logged again')
  })

  test('about many subjects is bounded as well, and does not silence other notes', () => {
    const telemetry = log()
    for (let index = 0; index < 10_000; index += 1) telemetry.note(drifted(index))
    assert.equal(lines().length, 50)
    telemetry.note(joined)
    assert.equal(lines().length, 51)
  })

  test('is summarised on close', () => {
    const telemetry = log()
    for (let index = 0; index < 7; index += 1) telemetry.note(joined)
    telemetry.close()
    assert.equal(lines().at(-1)?.suppressed, 2)
  })

  test('that stays below the bounds costs no timer', () => {
    const telemetry = log({ clock })
    for (let index = 0; index < 5; index += 1) telemetry.note(joined)
    assert.equal(clock.timers, 0)
  })
})

describe('the fan-out', () => {
  test('hands each note to every sink and to who watches, until they stop', () => {
    const heard: string[] = []
    const out = fanOut([{ note: ({ code }) => heard.push(`log ${code}`) }], (thrown) => {
      throw thrown
    })
    const listener = ({ code }: Note): void => {
      heard.push(`watch ${code}`)
    }
    const stop = out.watch(listener)
    out.watch(listener)
    out.note(joined)
    stop()
    out.note(joined)
    assert.deepEqual(heard, [
      'log node-joined',
      'watch node-joined',
      'watch node-joined',
      'log node-joined',
      'watch node-joined',
    ])
  })

  test('goes on where one listener throws', () => {
    const lost: unknown[] = []
    const heard: string[] = []
    const out = fanOut([], (thrown) => lost.push(thrown))
    out.watch(() => {
      throw new Error('broken')
    })
    out.watch(({ code }) => heard.push(code))
    out.note(joined)
    assert.deepEqual([lost.length, heard], [1, ['node-joined']])
  })
})
