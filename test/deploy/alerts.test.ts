/** The alerts say what they should, when they should, by Prometheus' own judgement; none is left without a test. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { alertRules, rulesFile } from './alert-rules.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-alerts-'))
after(() => rmSync(directory, { recursive: true }))

const promtool = (...words: string[]): string =>
  execFileSync('promtool', words, { cwd: directory, encoding: 'utf8', stdio: 'pipe' })

describe('the alerts', () => {
  it('are rules that Prometheus takes', () => {
    assert.match(promtool('check', 'rules', rulesFile), new RegExp(`${alertRules.length} rules`))
  })

  it('fire for what they are there for, and not at restarts and rollouts', () => {
    const tests = readFileSync(join(import.meta.dirname, 'alerts.test.yml'), 'utf8')
    const rules = parse(readFileSync(rulesFile, 'utf8')) as Rules
    // Whoever rewords what a person should do has nothing to repeat.
    for (const { rules: group } of rules.groups)
      for (const { annotations } of group) delete annotations.runbook
    writeFileSync(join(directory, 'rules.yml'), stringify(rules))
    writeFileSync(
      join(directory, 'tests.yml'),
      tests.replace(/^( *- ).*starling[.]rules[.]yml$/m, '$1rules.yml'),
    )
    assert.match(promtool('test', 'rules', 'tests.yml'), /SUCCESS/)
    const tested = new Set(
      [...tests.matchAll(/alertname: (\w+)\n.*\n *exp_alerts:\n/g)].map(([, name]) => name),
    )
    assert.deepEqual([...tested].sort(), alertRules.map(({ alert }) => alert).sort())
  })

  it('tell whoever is woken which command to begin with', () => {
    for (const { alert, annotations, labels } of alertRules) {
      assert.match(annotations.runbook, /starling [a-z]|starling_build_info/, alert)
      assert.match(annotations.summary, /[.]$/, alert)
      assert.match(labels.severity, /^(critical|warning|info)$/, alert)
    }
  })
})

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly annotations: Record<string, string> }[]
  }[]
}
