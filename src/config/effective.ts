/** The settings as they took effect, each with where it came from; secrets are masked. */

import type { Address } from '../core/ip/address.ts'
import type { Pool } from '../core/ip/pool.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import { type FieldKey, fieldKeys, fields, type Settings } from './fields.ts'
import type { Origin, Reading } from './source.ts'
import type { Endpoint, WrittenReserve } from './text.ts'

export interface EffectiveSetting {
  readonly key: FieldKey
  readonly value: Scalar | readonly Scalar[] | null
  readonly from: Origin
  /** The flag, the variable or `file:line`; empty for a default. */
  readonly where: string
}

/** The same, with values as they would be written; nothing is written where it is not set. */
export interface WrittenSetting {
  readonly key: FieldKey
  readonly values: readonly string[]
  readonly from: Origin
  readonly where: string
}

export const writtenSetting = ({ key, value, from, where }: EffectiveSetting): WrittenSetting => ({
  key,
  values: [value ?? []].flat().map(String),
  from,
  where,
})

type Scalar = string | number | boolean

/** Settings that take their value from the pools where they were left out. */
interface Derived {
  readonly pools: readonly Pool[]
  readonly accept: readonly Prefix[]
}

export function effectiveSettings(
  derived: Derived,
  settings: Settings,
  readings: ReadonlyMap<FieldKey, Reading>,
): EffectiveSetting[] {
  return fieldKeys.map((key) => {
    const { from = 'default', where = '' } = readings.get(key) ?? {}
    const value = shown(key, derived, settings)
    const isSet = value !== null && String(value) !== ''
    return { key, value: fields[key].secret && isSet ? mask : value, from, where }
  })
}

const mask = '********'

function shown(key: FieldKey, derived: Derived, settings: Settings): EffectiveSetting['value'] {
  if (key === 'prefixLength') return derived.pools.map((pool) => pool.subnetLength)
  if (key === 'acceptPrefixes') return derived.accept.map(print)
  const value: Printable | readonly Printable[] | undefined = settings[key]
  if (value === undefined) return null
  return isList(value) ? value.map(print) : print(value)
}

type Printable = string | number | boolean | Prefix | Address | WrittenReserve | Endpoint

const isList = (value: Printable | readonly Printable[]): value is readonly Printable[] =>
  Array.isArray(value)

const print = (value: Printable): Scalar => (typeof value === 'object' ? value.text : value)
