/** A table of which the first rows are shown, and all where that is asked for. */

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { grouped } from './words.ts'

export interface Column<R> {
  readonly title: string
  readonly cell: (row: R) => ComponentChildren
  /** `mono`: addresses and the like; `wide`: not on a narrow screen. */
  readonly class?: string
}

export function Table<R>({
  label,
  rows,
  total = rows.length,
  columns,
  keyOf,
  none,
}: {
  readonly label: string
  readonly rows: readonly R[]
  /** Where not all of them are known here. */
  readonly total?: number
  readonly columns: readonly Column<R>[]
  readonly keyOf: (row: R) => string
  readonly none: string
}) {
  const all = useSignal(false)
  if (rows.length === 0) return <p class="hint">{none}</p>
  const visible = all.value ? rows : rows.slice(0, shownFirst)
  return (
    <>
      <div class="scroll" role="group" tabIndex={0} aria-label={label}>
        <table>
          <caption class="unseen">{label}</caption>
          <thead>
            <tr>
              {columns.map(({ title, class: name }) => (
                <th key={title} scope="col" class={name}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {visible.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map(({ title, cell, class: name }) => (
                  <td key={title} class={name}>
                    {cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shownFirst && (
        <button
          type="button"
          aria-pressed={all.value}
          onClick={() => {
            all.value = !all.value
          }}
        >
          {all.value ? `Show the first ${shownFirst}` : `Show all ${grouped(rows.length)}`}
        </button>
      )}
      {total > rows.length && (
        <p class="hint">
          {grouped(total - rows.length)} more are not sent to this page: the command line has them.
        </p>
      )}
    </>
  )
}

const shownFirst = 12
