/** Rows are made anew where what they tell of has changed, and only there. */

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Rows, rowsMax } from '../../../src/adapters/api/rows.ts'

interface Fact {
  readonly name: string
  readonly state: string
  readonly by: readonly string[]
}

let rows: Rows<Fact, { readonly text: string }>
beforeEach(() => {
  rows = new Rows()
})

const of = (list: readonly Fact[], context: object = {}) =>
  rows.of(list, context, {
    key: ({ name }) => name,
    row: ({ name, state, by }) => ({ text: `${name} ${state} ${by}` }),
  })

const calm: Fact = { name: 'a', state: 'calm', by: ['x'] }

test('a row of the same facts is the same row, in whatever objects they come', () => {
  assert.equal(of([{ ...calm, by: ['x'] }]).get('a'), of([calm]).get('a'))
})

test('a row of another fact is another one', () => {
  const before = of([calm]).get('a')
  assert.equal(of([{ ...calm, state: 'odd' }]).get('a')?.text, 'a odd x')
  assert.equal(of([{ ...calm, by: ['y'] }]).get('a')?.text, 'a calm y')
  assert.equal(of([{ ...calm, by: ['x', 'y'] }]).get('a')?.text, 'a calm x,y')
  assert.notEqual(of([calm]).get('a'), before)
})

test('all rows are made anew where what they share is another', () => {
  const before = of([calm], { phase: 'joining' }).get('a')
  assert.notEqual(of([calm], { phase: 'in-sync' }).get('a'), before)
})

test('what is gone is gone, and there are not more than there is room for', () => {
  of([calm])
  assert.equal(of([]).size, 0)
  const many = Array.from({ length: rowsMax + 5 }, (_, index) => ({ ...calm, name: `${index}` }))
  assert.equal(of(many).size, rowsMax)
})
