/** `starling doctor`: looks at the host and at the cluster from it, and says what is wrong and how to mend it. */

import { loadConfig, printProblems, writtenSetting } from '../../config.ts'
import { exitCode } from '../exit-code.ts'
import { fail, printJson } from '../session.ts'
import { diagnose, verdictOf } from './checks.ts'
import { askAgent, gatherFacts } from './gather.ts'
import { reportText } from './report.ts'
import { setupOf } from './setup.ts'

/** Takes the settings of an agent too, for a host on which none runs yet. */
export async function doctor(args: readonly string[]): Promise<number> {
  const { bundle, rest } = withoutBundle(args)
  const [json, all, anonymize] = ['--json', '--all', '--anonymize'].map((flag) =>
    rest.includes(flag),
  )
  const wanted = json ? ({ json } as const) : {}
  if (bundle === '')
    return fail(wanted, 'usage', '--bundle has no value: write --bundle FILE.tar.gz')
  if (anonymize && bundle === undefined) {
    return fail(wanted, 'usage', '--anonymize needs --bundle FILE.tar.gz')
  }
  const others = ['--json', '--all', '--anonymize', '--bundle']
  const loaded = loadConfig({ args: rest, env: process.env, others })
  if (!loaded.ok) {
    if (json) printJson({ problems: loaded.problems })
    console.error(printProblems(loaded.problems))
    return exitCode.usage
  }
  const packer = bundle === undefined ? undefined : await import('./bundle.ts')
  const taken = bundle === undefined ? '' : await packer?.refusal(bundle)
  if (taken) return fail(wanted, 'bundle-unwritable', taken)
  const settings = loaded.settings.map(writtenSetting)
  const agent = await askAgent(loaded.config.socket)
  const facts = await gatherFacts(agent, setupOf(settings), all === true)
  const lines = diagnose(facts)
  const verdict = verdictOf(lines)
  const { ways } = facts
  const text = reportText(lines, ways)
  if (json) printJson({ verdict, lines, reachability: ways?.probed ?? [] })
  else console.log(text.join('\n'))
  if (bundle !== undefined && packer) {
    const failure = await packer.packBundle({
      path: bundle,
      socket: loaded.config.socket,
      anonymize: anonymize === true,
      secrets: [
        loaded.config.clusterKey ?? [],
        loaded.config.clusterKeysAccepted,
        loaded.config.joinToken ?? [],
      ].flat(),
      facts,
      settings,
      report: { verdict, lines, reachability: ways?.probed ?? [] },
    })
    if (failure !== '') return fail(wanted, 'bundle-unwritable', failure)
    console.error(`wrote ${bundle}`)
  }
  return verdict === 'fail' ? exitCode.failed : exitCode.fine
}

/** The one flag with a value that is no setting. */
function withoutBundle(args: readonly string[]): { bundle: string | undefined; rest: string[] } {
  const at = args.findIndex((arg) => arg === '--bundle' || arg.startsWith('--bundle='))
  const [flag = ''] = at < 0 ? [] : args.slice(at)
  if (flag === '') return { bundle: undefined, rest: [...args] }
  const isInline = flag.includes('=')
  const following = args[at + 1]
  const apart = following === undefined || following.startsWith('-') ? '' : following
  const bundle = isInline ? flag.slice('--bundle='.length) : apart
  const rest = args.filter(
    (_, index) => index !== at && (isInline || apart === '' || index !== at + 1),
  )
  return { bundle, rest }
}
