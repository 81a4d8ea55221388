/** The operator's key on his own machine, and the serial that rises with everything he signs. */

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { operatorText } from '../wire/paper.ts'
import { type KeyPair, keyPairFromSeed } from '../wire/signature.ts'

export interface Operator {
  readonly cluster: string
  readonly keys: KeyPair
  /** Durable before it is used. */
  nextSerial(): Promise<number>
}

/** A text: why there is none, and what to do. */
export async function openOperator(directory: string): Promise<Operator | string> {
  const file = join(directory, 'key')
  let written: string
  try {
    written = await readFile(file, 'utf8')
  } catch {
    return `there is no operator key in ${directory}: make one with starling admin init, or name its directory with --dir`
  }
  const cluster = /^cluster (\S+)$/m.exec(written)?.[1]
  const seed = /^seed ([0-9a-f]{64})$/m.exec(written)?.[1]
  const key = /^public (\S+)$/m.exec(written)?.[1]
  if (!written.startsWith('starling operator key 1\n') || !cluster || !seed) {
    return `${file} is not an operator key: restore it from a backup`
  }
  const keys = keyPairFromSeed(Buffer.from(seed, 'hex'))
  if (operatorText(keys.publicKey) !== key) return `${file} is damaged: restore it from a backup`
  return { cluster, keys, nextSerial: () => nextSerial(directory) }
}

/** Of the clock, so that a directory that was restored from a backup goes on above what it signed since. */
async function nextSerial(directory: string): Promise<number> {
  const file = join(directory, 'serial')
  const last = Number(await readFile(file, 'utf8').catch(() => '0'))
  const serial = Math.max(Number.isSafeInteger(last) ? last + 1 : 0, Date.now())
  const temporary = `${file}.${process.pid}.tmp`
  await writeFile(temporary, `${serial}\n`, { mode: 0o600, flush: true })
  await rename(temporary, file)
  return serial
}

const unitsMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A time to come in ms since 1970: a date, or one counted from now. */
export function parseTime(written: string): number | undefined {
  const now = Date.now()
  const [, amount, unit] = /^([0-9]{1,6})([mhd])$/.exec(written) ?? []
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z?)?$/.test(written)
  const ms =
    amount === undefined
      ? isDate
        ? Date.parse(written)
        : Number.NaN
      : now + Number(amount) * unitsMs[unit as keyof typeof unitsMs]
  return ms > now ? ms : undefined
}
