/**
 * `npm run demo`: three hosts join, claim, route, give containers addresses, survive a crash and free a subnet.
 * `npm run demo -- --ui` serves the page of the first one meanwhile, and goes on until Ctrl-C.
 */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPage } from '../../packaging/page.ts'
import { type Attachments, chooseAttachments } from './attachments.ts'
import type { Container } from './container.ts'
import { Forward } from './forward.ts'
import type { LabHost, LogLine } from './host.ts'
import { ip, LabError, requireLabMachine } from './iproute.ts'
import { RouteMonitor } from './route-monitor.ts'
import { Screen } from './screen.ts'
import { Lab } from './topology.ts'

/** What an agent says that a spectator wants to see. */
const shownCodes = new Set([
  ...['in-sync', 'claim-tentative', 'claim-confirmed', 'claim-lost', 'node-left', 'node-joined'],
  ...['routes-written', 'bridge-configured', 'pruned', 'peer-connected'],
])

const screen = new Screen()
const { values: options } = parseArgs({ options: { ui: { type: 'boolean', default: false } } })
/** Of the page, in each host's namespace and on this machine. */
const uiPort = 7_880
let forward: Forward | undefined
const lab = new Lab({ name: 'starling-demo' })

// What an interrupted demonstration still waits for ends with the process.
process.exit(await main())

async function main(): Promise<number> {
  try {
    requireLabMachine()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  }
  // A killed run leaves its namespaces to the next one; Ctrl-C does not.
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => resolve('interrupted'))
  })
  try {
    await lab.up()
    // The page is what the sources are.
    if (options.ui) await buildPage(join(import.meta.dirname, '../..'))
    if ((await Promise.race([demonstrate(), interrupted])) === 'interrupted') return 130
    screen.title('All of it was seen.')
    if (!options.ui) return 0
    screen.title('The page stays until Ctrl-C.')
    await interrupted
    return 0
  } catch (error) {
    screen.bad(error instanceof Error ? error.message : String(error))
    return 1
  } finally {
    await forward?.stop()
    await lab.down()
  }
}

async function demonstrate(): Promise<void> {
  const hosts = await gather()
  screen.title(
    "A container on each host gets an address of its host's subnet, and reaches the others.",
  )
  const attachments = await chooseAttachments(screen)
  const containers = await connect(hosts, attachments)
  await crash(hosts, containers)
  await leave(hosts, attachments)
}

async function gather(): Promise<[LabHost, LabHost, LabHost]> {
  screen.title('Three hosts on one switch. Each agent is told one seed, and nothing else.')
  const [h1, h2, h3] = [await lab.addHost(), await lab.addHost(), await lab.addHost()]
  const subnets = ['172.16.0.0/22', '172.16.4.0/22', '172.16.8.0/22']
  for (const [index, host] of [h1, h2, h3].entries()) {
    await start(host, h1)
    check(await subnetOf(host), subnets[index], `${host.name}'s subnet`)
    if (options.ui && host === h1) await showPage(host)
  }
  screen.title('Every kernel has a route to every other subnet.')
  for (const host of [h1, h2, h3]) {
    await converged(host)
    const routes = await ip(`-n ${host.namespace} route show proto 83`)
    screen.shown(`ip route show proto 83   # on ${host.name}`, routes)
    check((await host.routes()).length, 2, `routes on ${host.name}`)
  }
  screen.shown('starling status          # on h1', (await h1.cli('status')).stdout)
  return [h1, h2, h3]
}

async function showPage({ name, namespace }: LabHost): Promise<void> {
  forward = await Forward.start(namespace, uiPort, uiPort)
  screen.title(`The page of ${name}: http://127.0.0.1:${forward.port}/`)
}

async function connect(hosts: readonly LabHost[], attachments: Attachments): Promise<Container[]> {
  const containers: Container[] = []
  for (const host of hosts) containers.push(await attachments.attach(host, webOn(host)))
  for (const from of containers) {
    for (const to of containers) {
      if (from === to) continue
      const { sent, received, medianMs } = await from.ping(to, 3)
      check(received, sent, `echoes ${from.name} -> ${to.name}`)
      screen.good(
        `${from.name} ${from.address} -> ${to.name} ${to.address}: ${received}/${sent}, ${medianMs?.toFixed(2)} ms`,
      )
    }
  }
  const [h1] = hosts
  const address = containers[2]?.address ?? ''
  for (const words of [
    ['ip', 'list'],
    ['explain', address],
  ]) {
    const command = `starling ${words.join(' ')}`
    screen.shown(`${command.padEnd(23)} # on h1`, (await h1?.cli(...words))?.stdout ?? '')
  }
  return containers
}

async function crash(hosts: readonly LabHost[], containers: readonly Container[]): Promise<void> {
  const [h1, , h3] = hosts
  const [c1, , c3] = containers
  if (!h1 || !h3 || !c1 || !c3) throw new Error('three hosts are needed')
  screen.title("kill -9 of h3's agent: its routes are the kernel's, so traffic goes on.")
  const monitors = await Promise.all([h1, h3].map((host) => RouteMonitor.start(host.namespace)))
  const stop = await c1.stream(c3, 20)
  await h3.stopAgent('SIGKILL')
  screen.event('h3', 'agent killed')
  check((await h3.routes()).length, 2, 'routes on h3 without an agent')
  await c1.ping(c3, 25)
  screen.title('It is started again: the same subnet, and not one route changes.')
  await start(h3, h1)
  check(await subnetOf(h3), '172.16.8.0/22', "h3's subnet after the restart")
  await converged(h3)
  const { sent, received } = await stop()
  check(received, sent, 'echoes over kill and restart')
  screen.good(`${received} of ${sent} echoes at 20 ms arrived over kill and restart`)
  for (const monitor of monitors) {
    const changes = await monitor.stop()
    check(changes.join('; '), '', `route changes seen by ip monitor on ${monitor.namespace}`)
  }
  screen.good('ip monitor route: no change on h1 and h3')
}

async function leave(hosts: readonly LabHost[], attachments: Attachments): Promise<void> {
  const [h1, h2, h3] = hosts
  if (!h1 || !h2 || !h3) throw new Error('three hosts are needed')
  screen.title('The container on h2 ends.')
  await attachments.detach(h2, webOn(h2))
  const { stdout: leases } = await h2.cli('ip', 'list')
  screen.shown('starling ip list        # on h2', leases)
  check(leases.startsWith('nobody holds an address'), true, 'no lease is left on h2')
  screen.title('h2 leaves: its subnet is free at once, its routes vanish everywhere.')
  const before = [h1, h3].map((host) => host.lines.length)
  const left = await h2.cli('leave')
  screen.shown('starling leave            # on h2', left.stdout || left.stderr)
  check(left.exitCode, 0, 'exit code of starling leave')
  check(await h2.agentEnded(), 0, "exit code of h2's agent")
  check((await h2.routes()).length, 0, 'owned routes left on h2')
  for (const [index, host] of [h1, h3].entries()) {
    await host.note('routes-written', { after: before[index] ?? 0 })
    await converged(host)
    const routes = await ip(`-n ${host.namespace} route show proto 83`)
    screen.shown(`ip route show proto 83   # on ${host.name}`, routes)
    check(routes.includes('172.16.4.0/22'), false, `the route to 172.16.4.0/22 on ${host.name}`)
  }
  screen.title('The next one to join takes the free subnet.')
  const h4 = await lab.addHost()
  await start(h4, h1)
  check(await subnetOf(h4), '172.16.4.0/22', "h4's subnet")
  for (const host of [h1, h3, h4]) {
    await converged(host)
    check((await host.routes()).length, 2, `routes on ${host.name}`)
  }
}

/** Starts the agent and waits until it holds a confirmed subnet. */
async function start(host: LabHost, seed: LabHost): Promise<void> {
  const after = host.lines.length
  if (after === 0) host.onLine((line) => show(host, line))
  screen.event(host.name, `starling agent --seed ${seed.address}`)
  const page = options.ui ? ['--ui-listen', `127.0.0.1:${uiPort}`] : []
  await host.startAgent(['--seed', seed.address, ...page])
  await host.note('in-sync', { after })
}

async function converged(host: LabHost): Promise<void> {
  const { exitCode, stdout } = await host.cli('status', '--wait', '--timeout', '30')
  if (exitCode !== 0)
    throw new LabError('not-seen', `${host.name} did not converge:\n${stdout}\n${host.tail()}`)
}

async function subnetOf(host: LabHost): Promise<string> {
  await converged(host)
  const { claims } = await host.ask('Claims')
  return claims.find(({ own }) => own)?.prefix ?? 'none'
}

function webOn({ name }: LabHost): string {
  return `web-${name}`
}

function show(host: LabHost, line: LogLine): void {
  if (line.level === 'exit' || line.level === 'raw') screen.event(host.name, line.msg)
  else if (line.level === 'warn' || line.level === 'error')
    screen.event(host.name, `${line.level}: ${line.msg}`)
  else if (shownCodes.has(line.code ?? '')) screen.event(host.name, line.msg)
}

function check(seen: unknown, wanted: unknown, what: string): void {
  if (seen === wanted) return
  throw new LabError('not-seen', `${what}: expected ${String(wanted)}, saw ${String(seen)}`)
}
