/** What the agent knows, and whether other hosts can be reached from here. */

import { counted, listed } from '../../core/listed.ts'
import { nestedProblems } from '../../words/problems.ts'
import {
  type AgentFacts,
  type Check,
  type Facts,
  type Finding,
  fail,
  ok,
  type SeedFacts,
  unknown,
  type Way,
  warn,
} from './check.ts'

export const clusterChecks: readonly Check[] = [
  {
    code: 'agent',
    group: 'cluster',
    reads: 'the socket of the agent',
    wrong:
      'No agent answers: what only it knows is not known. That is no failure before the first start.',
    mend: 'Start it; or run the command as root, with the right --socket.',
    judge: ({ agent, absence }) =>
      agent
        ? [ok(`starling ${agent.status.software} runs as ${agent.status.name}`)]
        : [
            unknown(
              `what the agent knows: ${absence}`,
              'starling agent, systemctl start starling, or --socket PATH',
            ),
          ],
  },
  {
    code: 'agent-here',
    group: 'cluster',
    reads: '/proc/net/unix',
    wrong:
      "The agent's socket was not made in this network namespace, or has another path here: the lines on network and firewall may be about another host than its.",
    mend: 'Run it where the agent runs: docker exec CONTAINER starling doctor.',
    judge: whereAgentIs(({ isHere }) =>
      isHere
        ? ok('the agent is in this network namespace')
        : unknown(
            'whether the agent is in this network namespace',
            'if it is in a container: docker exec CONTAINER starling doctor',
          ),
    ),
  },
  {
    code: 'convergence',
    group: 'cluster',
    reads: 'the agent',
    wrong:
      'The node has no subnet yet, its knowledge differs from that of peers, or its kernel has not the wanted routes.',
    mend: '`starling status` says what it waits for.',
    judge: whereAgentIs(({ status }) =>
      status.convergence.converged
        ? ok(`converged, with ${counted(status.peersConnected, 'peer')} connected`)
        : warn('not converged', 'starling status --wait'),
    ),
  },
  {
    code: 'problem',
    group: 'cluster',
    reads: 'the agent: the problems of `starling status`, each with its own code in brackets',
    wrong: 'An error fails, a warning warns: operations.md has a section for each.',
    mend: 'As the line says.',
    judge: ({ agent }) => (agent ? judgeProblems(agent) : []),
  },
  {
    code: 'seed',
    group: 'cluster',
    reads: 'name look-ups, and TCP connections to the port of each seed',
    wrong:
      'A seed does not resolve, refuses, or does not answer within 2 s. It fails where none answers and this node is connected to nobody.',
    mend: 'Start the agent there, open the port, or correct --seed.',
    judge: judgeSeeds,
  },
  {
    code: 'clock',
    group: 'cluster',
    reads: 'the agent, which hears the clocks of its peers',
    wrong: "This host's clock, or that of another one, is wrong.",
    mend: 'Synchronise the clocks (NTP), then restart the agent of the one that was wrong.',
    judge: whereAgentIs(({ status }) => {
      const wrong = status.problems.filter(({ code }) => clockCodes.includes(code))
      if (wrong.length > 0) {
        return warn(listed(wrong.map(({ message }) => message)), wrong[0]?.mend ?? '')
      }
      return status.peersConnected === 0
        ? unknown('clocks: no peer is connected to compare with', 'starling peers')
        : ok('the clocks of the peers agree with this one')
    }),
  },
  {
    code: 'version',
    group: 'cluster',
    reads: 'the version that each node says of itself, and that of this command',
    wrong:
      'Nodes run different versions, as in the middle of an upgrade; or this command is of another one than the agent.',
    mend: 'Bring all to the newest: operations.md, Upgrade.',
    judge: ({ agent, ownSoftware }) => (agent ? judgeVersions(agent, ownSoftware) : []),
  },
  {
    code: 'reachability',
    group: 'cluster',
    reads:
      "one TCP connection from this host's gateway address to that of each live node (64 drawn among them; all with --all), on the agents' port",
    wrong:
      "An address of a subnet is silent for a second, or unreachable: what lies between drops packets of the pool, as clouds and switches do that know the hosts' own addresses alone.",
    mend: 'Switch source and destination checks off, allow the pool there, and look at that host with `starling doctor`.',
    judge: judgeWays,
  },
]

const clockCodes = ['clock-skew', 'clock-unset']

function whereAgentIs(judge: (agent: AgentFacts) => Finding): Check['judge'] {
  return ({ agent }) => (agent ? [judge(agent)] : [])
}

function judgeProblems({ status }: AgentFacts): readonly Finding[] {
  const nested = nestedProblems(status.problems, problemsMax)
  const shown = nested.filter(({ code }) => !clockCodes.includes(code))
  const findings = shown.map(({ code, level, message, mend, depth }): Finding => {
    const text = `${message} [${code}]`
    if (level === 'info') return ok(text)
    return {
      verdict: level === 'error' ? 'fail' : 'warn',
      message: text,
      mend: depth === 0 ? mend : 'mend the one above, from which it follows',
    }
  })
  const more = status.problems.length - nested.length
  if (more > 0)
    findings.push(
      warn(
        `${more} more ${more === 1 ? 'problem' : 'problems'}`,
        'starling status --json shows all',
      ),
    )
  return findings.length > 0 ? findings : [ok('the agent knows of no problem')]
}

const problemsMax = 30

function judgeSeeds({ agent, seeds }: Facts): readonly Finding[] {
  if (seeds.length === 0) return []
  const answering = seeds.filter(({ answer }) => answer?.outcome === 'answered')
  const others = seeds.filter((seed) => !answering.includes(seed))
  const answerText = `${answering.length} of ${counted(seeds.length, 'seed')} ${answering.length === 1 ? 'answers' : 'answer'}`
  if (others.length === 0) return [ok(answerText)]
  const mend =
    'see that an agent runs there (starling status), that its port is open, and that --seed names it rightly'
  const text = `${answerText}: ${listed(others.map(seedText))}`
  const isAlone = answering.length === 0 && (agent?.status.peersConnected ?? 0) === 0
  return [isAlone ? fail(text, mend) : warn(text, mend)]
}

function seedText({ seed, addresses, answer }: SeedFacts): string {
  if (addresses.length === 0) return `${seed} does not resolve`
  if (!answer) return `${seed} was not asked`
  const words = {
    answered: 'answers',
    refused: 'answers, and no agent listens there',
    unreachable: `is unreachable (${answer.error})`,
    silent: 'is silent',
    'no-source': 'cannot be asked',
  }
  return `${seed} ${words[answer.outcome]}`
}

function judgeVersions({ peers, status }: AgentFacts, ownSoftware: string): readonly Finding[] {
  const counts = new Map<string, number>()
  for (const { software } of peers) counts.set(software, (counts.get(software) ?? 0) + 1)
  const text = [...counts].map(([version, nodes]) => `${nodes} run ${version}`).sort()
  if (counts.size > 1) {
    return [
      warn(
        `versions differ: ${listed(text)}`,
        'bring all to the newest, one host after the other (docs/operations.md, Upgrade)',
      ),
    ]
  }
  if (status.software !== ownSoftware) {
    return [
      warn(
        `this command is ${ownSoftware}, and the agent ${status.software}`,
        'restart the agent: systemctl restart starling',
      ),
    ]
  }
  return [ok(`all nodes run ${status.software}`)]
}

function judgeWays({ agent, ways, unprobed }: Facts): readonly Finding[] {
  if (!agent) return []
  if (!ways) return [unknown(`reachability: ${unprobed}`, 'starling status')]
  const of = (...outcomes: Way['outcome'][]): Way[] =>
    ways.probed.filter(({ outcome }) => outcomes.includes(outcome))
  const [there, silent, refused] = [of('answered', 'refused'), of('silent'), of('unreachable')]
  const from = ways.from.join(' and ')
  if (of('no-source').length > 0) {
    return [
      unknown(
        `reachability: this network namespace does not have ${from}`,
        'run it where the agent runs: docker exec CONTAINER starling doctor',
      ),
    ]
  }
  const findings: Finding[] = []
  if (silent.length > 0) {
    findings.push(
      fail(
        `silent from ${from}: ${listed(silent.map(wayText))}: something on the way drops packets of the pool`,
        'switch source and destination checks off for all hosts (clouds), allow the pool in switches and security groups, and run starling doctor on that host',
      ),
    )
  }
  if (refused.length > 0) {
    findings.push(
      fail(
        `unreachable from ${from}: ${listed(refused.map(wayText))}`,
        `starling explain ${refused[0]?.gateway}; ip route get ${refused[0]?.gateway}`,
      ),
    )
  }
  const left = ways.left > 0 ? `${ways.left} were not asked (--all asks all)` : ''
  if (ways.probed.length === 0) {
    return [
      left === ''
        ? ok('there is no other gateway to ask')
        : unknown(`reachability: ${left}`, 'starling doctor --all'),
    ]
  }
  if (findings.length > 0)
    return left === '' ? findings : [...findings, ok(`reachability: ${left}`)]
  const text = `${there.length} of ${ways.probed.length} gateways answer to ${from}`
  return [ok(left === '' ? text : `${text}; ${left}`)]
}

const wayText = ({ name, gateway }: Way): string => `${gateway} of ${name}`
