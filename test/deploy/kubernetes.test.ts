/** The Kubernetes manifest: of Kubernetes' types, and played on two nodes by the runtime that kubelets use. */

import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DaemonSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, Container, PodSpec } from 'kubernetes-types/core/v1.js'
import { parseAllDocuments } from 'yaml'
import { manifestOf } from '../../packaging/manifest.ts'
import { lacking, textOf } from '../../setup/machine.ts'
import { removeRemains } from '../../simulations/chaos/remains.ts'
import { LabContainerd } from '../../simulations/lab/containerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
import { Lab } from '../../simulations/lab/topology.ts'
import { memoryShortage } from '../../src/adapters/host/memory.ts'
import { fieldKeys } from '../../src/config/fields.ts'
import { variableOf } from '../../src/config/names.ts'
import { parseAddress } from '../../src/core/ip/address.ts'
import { shell, until } from '../e2e/lab.ts'
import { makeImages, pauseImage } from './archive.ts'
import { Kubelet, type Pod } from './kubelet.ts'
import { faultsOf, type KubernetesObject } from './kubernetes-types.ts'

const project = join(import.meta.dirname, '../..')
const path = join(project, 'deploy/kubernetes/starling.yaml')

let objects: readonly KubernetesObject[]
let configMap: ConfigMap
let daemonSet: DaemonSet
let agentSpec: PodSpec
let agentContainer: Container

before(async () => {
  objects = parseAllDocuments(await readFile(path, 'utf8')).map((each) => {
    assert.deepEqual([...each.errors, ...each.warnings], [])
    return each.toJS() as KubernetesObject
  })
  const of = (kind: string) => objects.find((each) => each.kind === kind) ?? assert.fail(kind)
  configMap = of('ConfigMap') as ConfigMap
  daemonSet = of('DaemonSet') as DaemonSet
  agentSpec = daemonSet.spec?.template.spec ?? assert.fail()
  agentContainer = agentSpec.containers[0] ?? assert.fail()
})

describe('the Kubernetes manifest', () => {
  it("is of Kubernetes' types, by a check that finds a wrong word", () => {
    assert.deepEqual(faultsOf(objects), [])
    const wrong = JSON.parse(JSON.stringify(objects).replace('"hostNetwork"', '"hostNetworks"'))
    assert.match(faultsOf(wrong).join('\n'), /'"hostNetworks"' does not exist in type 'PodSpec'/)
  })

  it('needs neither the API server nor DNS, and stays on a node whatever ails it', () => {
    const { automountServiceAccountToken, enableServiceLinks, dnsPolicy } = agentSpec
    assert.deepEqual([automountServiceAccountToken, enableServiceLinks], [false, false])
    assert.equal(dnsPolicy, 'Default')
    for (const seed of configMap.data?.STARLING_SEED?.split(',') ?? assert.fail())
      assert.ok(parseAddress(seed), seed)
    assert.equal(agentSpec.priorityClassName, 'system-node-critical')
    for (const effect of ['NoSchedule', 'NoExecute']) {
      const toleration = { operator: 'Exists', effect }
      assert.ok(
        agentSpec.tolerations?.some((each) => isEqual(each, toleration)),
        effect,
      )
    }
  })

  it('names settings that there are, memory that is enough, and this version', async () => {
    const variables = fieldKeys.map(variableOf)
    const named = [
      ...Object.keys(configMap.data ?? {}),
      ...(agentContainer.env ?? []).map(({ name }) => name),
    ]
    assert.deepEqual(
      named.filter((name) => !variables.includes(name)),
      [],
    )
    const { memory = '' } = agentContainer.resources?.limits ?? {}
    assert.equal(memoryShortage(Number.parseInt(memory, 10) * 2 ** 20), undefined)
    const { version } = await manifestOf(project)
    for (const { image } of [agentContainer, ...(agentSpec.initContainers ?? [])])
      assert.equal(image, `starling:${version}`)
  })

  it('has labels by which the DaemonSet finds its Pods', () => {
    const { selector, template } = daemonSet.spec ?? assert.fail()
    assert.deepEqual(selector.matchLabels, template.metadata?.labels)
  })
})

interface Node {
  readonly host: LabHost
  readonly containerd: LabContainerd
  readonly kubelet: Kubelet
}

describe('two nodes of a Kubernetes cluster', () => {
  const lab = new Lab({ name: 'starling-kubernetes' })
  const nodes: Node[] = []
  let one: Node
  let two: Node
  const agents: Pod[] = []
  const webs: Pod[] = []

  before(async () => {
    requireLabMachine()
    const missing = lacking(['containerd', 'containernetworking-plugins', 'gcc', 'util-linux'])
    assert.deepEqual(missing.map(textOf), [])
    // What a killed run has left: Pods outlive their containerd.
    for (const name of ['h1', 'h2']) {
      const directory = join(lab.directory, name)
      await removeRemains({ namespace: `${lab.name}-${name}`, directory })
    }
    await lab.up()
    const images = makeImages(lab.directory, agentContainer.image ?? '')
    const [archives] = await Promise.all([images, addNode().then(addNode)])
    for (const archive of archives)
      await Promise.all(nodes.map(({ containerd }) => containerd.ctr('images', 'import', archive)))
    const [first, second] = nodes
    assert.ok(first && second)
    one = first
    two = second
  })
  after(async () => {
    for (const { kubelet, containerd } of nodes) {
      kubelet.stop()
      await containerd.remove()
    }
    await lab.down()
  })

  async function addNode(): Promise<void> {
    const host = await lab.addHost()
    // kubeadm demands it.
    await shell(host, 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    const containerd = new LabContainerd(host, pauseImage)
    await containerd.start()
    nodes.push({ host, containerd, kubelet: await Kubelet.start(host, containerd) })
  }
  const runAgent = ({ kubelet }: Node): Promise<Pod> => {
    const data = { ...configMap.data, STARLING_SEED: one.host.address }
    const configMaps = new Map([['starling', data]])
    return kubelet.run('starling', agentSpec, { configMaps, secrets: new Map() })
  }
  const started = (pod: Pod) =>
    until('the agent has started', () => pod.hasStarted('starling'), 60_000)
  const leasesOf = async (agent: Pod | undefined) => {
    const { stdout } = (await agent?.exec('starling', 'starling', 'ip', 'list', '--json')) ?? {}
    return (JSON.parse(stdout ?? '') as { leases: { address: string; name: string }[] }).leases
  }
  const conflist = ({ containerd }: Node) => join(containerd.confDir, '10-starling.conflist')

  it('are not ready for Pods before their agent can serve them, which is alive all the same', async () => {
    assert.equal(await two.kubelet.isNetworkReady(), false)
    // Its seed does not answer yet, and so it waits before it claims.
    const waiting = await runAgent(two)
    assert.ok((await readdir(two.containerd.binDir)).includes('starling-ipam'))
    await until('the agent answers', () => waiting.isAlive('starling'))
    assert.equal((await waiting.exec('starling', 'starling', 'status')).exitCode, 1)
    assert.equal(await two.kubelet.isNetworkReady(), false)
    assert.deepEqual(await readdir(two.containerd.confDir), [])
    agents.push(await runAgent(one), waiting)
    for (const agent of agents) await started(agent)
    for (const { kubelet } of nodes) await until('it is ready', () => kubelet.isNetworkReady())
    // To be ready it waits for nobody; to agree with others takes it another second.
    const { stdout } = (await agents[0]?.exec('starling', 'starling', 'status', '--wait')) ?? {}
    assert.match(stdout ?? '', /^OK {2}h1 has /)
  })

  it('give the agent the capabilities of the manifest, and none that it could win', async () => {
    const pid = await one.containerd.pidOf(agents[0]?.idOf('starling') ?? '')
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    // CAP_NET_ADMIN and CAP_SYS_PTRACE.
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
      const bits = new RegExp(`^${set}:\\s*(.*)$`, 'm').exec(status)?.[1]
      assert.equal(Number.parseInt(bits ?? '', 16), (1 << 12) | (1 << 19), set)
    }
    assert.match(status, /^NoNewPrivs:\s*1$/m)
    assert.match(status, /^Seccomp:\s*2$/m)
  })

  it('have Pods with addresses of their own subnets, that reach each other', async () => {
    const spec: PodSpec = { containers: [{ name: 'web', image: pauseImage }] }
    const containers = []
    for (const [index, { kubelet, containerd }] of nodes.entries()) {
      const web = await kubelet.run('web', spec)
      webs.push(web)
      const address = await web.address()
      const leases = await leasesOf(agents[index])
      assert.deepEqual(
        leases.map((lease) => [lease.address, lease.name]),
        [[address, 'default/web']],
      )
      containers.push(await containerd.join(web.idOf('web'), address))
    }
    const [here, there] = containers
    assert.ok(here && there)
    assert.equal((await here.ping(there)).received, 3)
    assert.equal((await there.ping(here)).received, 3)
  })

  it('are upgraded without a change of a route, and lose no Pod that ends meanwhile', async () => {
    const [here, there] = nodes.map(({ host }) => host.containers[0])
    assert.ok(here && there)
    const monitor = await RouteMonitor.start(two.host.namespace)
    const end = await here.stream(there)
    const { ino } = await stat(conflist(two))
    const spec: PodSpec = { containers: [{ name: 'job', image: pauseImage }] }
    const job = await two.kubelet.run('job', spec)

    await agents[1]?.remove()
    assert.equal(await two.kubelet.isNetworkReady(), true, 'the network stays')
    await job.remove()
    agents[1] = await runAgent(two)
    await started(agents[1])
    assert.equal((await stat(conflist(two))).ino, ino)
    assert.deepEqual(
      (await leasesOf(agents[1])).map(({ name }) => name),
      ['default/web'],
    )
    const { sent, received } = await end()
    assert.equal(received, sent)
    assert.deepEqual(await monitor.stop(), [])
  })

  it('have nothing left of it once it was removed as the page says', async () => {
    for (const [index, { host, kubelet, containerd }] of nodes.entries()) {
      await webs[index]?.remove()
      const purged = await agents[index]?.exec('starling', 'starling', 'purge')
      assert.equal(purged?.exitCode, 0, purged?.stderr)
      await agents[index]?.remove()
      assert.deepEqual(await host.routes(), [])
      assert.equal(await shell(host, 'nft list ruleset'), '')
      const uninstall = await kubelet.run('uninstall', uninstallSpec())
      await uninstall.remove()
      assert.deepEqual(await readdir(containerd.confDir), [])
      const plugins = ['bandwidth', 'bridge', 'loopback', 'portmap']
      assert.deepEqual((await readdir(containerd.binDir)).sort(), plugins)
      assert.equal(await kubelet.isNetworkReady(), false)
    }
  })

  /** What `kubectl debug node/NODE` makes of the page's command. */
  function uninstallSpec(): PodSpec {
    const places = ['--bin-dir', '/host/opt/cni/bin', '--conf-dir', '/host/etc/cni/net.d']
    const command = ['starling', 'cni', 'uninstall', ...places]
    const volumeMounts = [{ name: 'host-root', mountPath: '/host' }]
    const { image = '' } = agentContainer
    return {
      hostNetwork: true,
      hostPID: true,
      initContainers: [{ name: 'debugger', image, command, volumeMounts }],
      containers: [],
      volumes: [{ name: 'host-root', hostPath: { path: '/' } }],
    }
  }
})

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b)
    return true
  } catch {
    return false
  }
}
