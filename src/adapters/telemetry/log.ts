/** Notes and the daemon's own words as pino lines on stderr. */

import { isatty } from 'node:tty'
import { type DestinationStream, pino } from 'pino'
import pretty from 'pino-pretty'
import { describe } from '../../core/describe.ts'
import type { Level } from '../../core/description.ts'
import type { Note } from '../../core/note.ts'
import { printable } from '../../core/printable.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { limitBursts } from './bursts.ts'

type Fields = Readonly<Record<string, unknown>>

export interface Log extends Telemetry {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  /** The process is stopping. */
  error(message: string, fields?: Fields): void
  /** Says what bursts were held back. Lines need no flushing: each is written before its call returns. */
  close(): void
}

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  readonly format: 'auto' | 'json' | 'pretty'
  readonly clock: Clock
  /** Where lines go; 2 is stderr. */
  readonly fd?: number
}

export function logTelemetry({ level, format, clock, fd = 2 }: LogOptions): Log {
  const forPeople = format === 'pretty' || (format === 'auto' && isatty(fd))
  const logger = pino(
    {
      level,
      // One host, one agent: pid and host name on every line say nothing.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    forPeople ? prettyLines(fd) : jsonLines(fd),
  )
  const write = (at: Level, message: string, fields: Fields = {}): void =>
    logger[at](fields, message)
  const bursts = limitBursts(clock, ({ code, level: at, suppressed, windowMs }) =>
    write(at, `${suppressed} more of ${code} in ${windowMs / 1_000} s`, { code, suppressed }),
  )
  return {
    note: (note: Note) => {
      const { level: at, message, mend } = describe(note)
      if (!logger.isLevelEnabled(at) || !bursts.admit(note, at)) return
      if (forPeople) write(at, sentence(message, mend))
      else write(at, message, mend === '' ? { ...note } : { ...note, mend })
    },
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    close: () => bursts.close(),
  }
}

function jsonLines(fd: number): DestinationStream {
  const destination = pino.destination({ fd, sync: true })
  // A full disk or a closed reader costs lines, never the agent.
  destination.on('error', () => {})
  return destination
}

const prettyLines = (fd: number): DestinationStream =>
  pretty({
    destination: jsonLines(fd),
    colorize: isatty(fd) && !process.env.NO_COLOR,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })

/** A note on one line for people: its message holds its facts, and none of them may move the cursor. */
const sentence = (message: string, mend: string): string =>
  printable(`${message}${mend === '' ? '' : ` -> ${mend}`}`)
