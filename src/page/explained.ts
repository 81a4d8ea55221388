/** What the viewer asked about: an address, a prefix or a node, kept in the page's address so that it can be passed on. */

import { signal } from '@preact/signals'
import type { ExplainPrefixResponse, ExplainResponse } from '../adapters/api/definition.ts'
import { shown } from './follow.ts'

export type Explained =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'asking'; readonly of: string }
  | { readonly kind: 'problem'; readonly of: string; readonly problem: string }
  | { readonly kind: 'node'; readonly of: string; readonly nodes: readonly string[] }
  | {
      readonly kind: 'prefix'
      readonly of: string
      readonly at: number
      readonly answer: ExplainPrefixResponse
    }
  | {
      readonly kind: 'address'
      readonly of: string
      readonly at: number
      readonly answer: ExplainResponse
    }

export const explained = signal<Explained>({ kind: 'nothing' })

export function explain(of: string): void {
  const wanted = `#${encodeURIComponent(of)}`
  if (location.hash === wanted) void ask(of)
  else location.hash = wanted
}

export function followAddressBar(): void {
  const look = (): void => {
    const of = decoded(location.hash.slice(1))
    if (of !== '') void ask(of)
  }
  addEventListener('hashchange', look)
  // Nodes are known once the board is.
  const stop = shown.subscribe(({ head }) => {
    if (!head) return
    queueMicrotask(() => stop())
    look()
  })
}

async function ask(of: string): Promise<void> {
  const nodes = nodesNamed(of)
  if (nodes.length > 0) {
    explained.value = { kind: 'node', of, nodes }
    return
  }
  const asking: Explained = { kind: 'asking', of }
  explained.value = asking
  const answer = await answerTo(of)
  // Meanwhile something else may have been asked.
  if (explained.value === asking) explained.value = answer
}

async function answerTo(of: string): Promise<Explained> {
  try {
    const response = await fetch(`api/explain?of=${encodeURIComponent(of)}`)
    const answer = (await response.json()) as { problem?: string }
    if (answer.problem !== undefined) return { kind: 'problem', of, problem: answer.problem }
    const at = Date.now()
    return of.includes('/')
      ? { kind: 'prefix', of, at, answer: answer as unknown as ExplainPrefixResponse }
      : { kind: 'address', of, at, answer: answer as unknown as ExplainResponse }
  } catch {
    return { kind: 'problem', of, problem: 'The agent does not answer.' }
  }
}

/** By id, or by name, which several may have. */
function nodesNamed(of: string): readonly string[] {
  const { nodes } = shown.peek().lists
  if (nodes.has(of)) return [of]
  return [...nodes.values()].filter(({ name }) => name === of).map(({ node }) => node)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
