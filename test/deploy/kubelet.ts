/** Plays Pods on a host of the lab by its containerd, as a kubelet does. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container, PodSpec, Probe, Volume } from 'kubernetes-types/core/v1.js'
import type { LabContainerd } from '../../simulations/lab/containerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { shell, until } from '../e2e/lab.ts'
import { containerConfig, noneBut, type Surroundings } from './container-config.ts'
import { Cri } from './cri.ts'

type Objects = Pick<Surroundings, 'configMaps' | 'secrets'>

const noObjects: Objects = { configMaps: new Map(), secrets: new Map() }

/** For the scheduler and the API server. */
const notPlayed = [
  ...['priorityClassName', 'tolerations', 'automountServiceAccountToken', 'enableServiceLinks'],
  'dnsPolicy',
]

export class Kubelet {
  readonly #host: LabHost
  readonly #containerd: LabContainerd
  readonly #cri: Cri

  private constructor(host: LabHost, containerd: LabContainerd, cri: Cri) {
    this.#host = host
    this.#containerd = containerd
    this.#cri = cri
  }

  static async start(host: LabHost, containerd: LabContainerd): Promise<Kubelet> {
    return new Kubelet(host, containerd, await Cri.connect(containerd.socket))
  }

  stop(): void {
    this.#cri.close()
  }

  /** Without it the node is tainted, and no Pods come that need a network of their own. */
  async isNetworkReady(): Promise<boolean> {
    const { status } = await this.#cri.call<{
      status: { conditions: { type: string; status: boolean }[] }
    }>('Status')
    return status.conditions.some(({ type, status }) => type === 'NetworkReady' && status)
  }

  /** Resolves when its init containers have ended and its containers run. */
  async run(name: string, spec: PodSpec, objects = noObjects): Promise<Pod> {
    const { initContainers = [], containers, volumes = [], securityContext = {}, ...rest } = spec
    const { hostNetwork = false, hostPID = false, ...others } = rest
    const { seccompProfile, ...more } = securityContext
    noneBut(notPlayed, { ...others, ...more })
    const around: Surroundings = {
      ...objects,
      node: this.#host.name,
      paths: await this.#hostPaths(volumes),
      namespaceOptions: {
        network: hostNetwork ? 'NODE' : 'POD',
        pid: hostPID ? 'NODE' : 'CONTAINER',
      },
      seccomp: { profileType: seccompProfile?.type ?? 'Unconfined' },
    }
    const uid = randomUUID()
    const config = {
      metadata: { name, uid, namespace: 'default', attempt: 0 },
      hostname: hostNetwork ? '' : name,
      logDirectory: join('/run/pods', uid),
      linux: {
        // By it the processes of a killed run are found.
        cgroupParent: `/${this.#host.namespace}`,
        securityContext: { namespaceOptions: around.namespaceOptions, seccomp: around.seccomp },
      },
    }
    await mkdir(join(this.#containerd.root, config.logDirectory), { recursive: true })
    const pod = await Pod.make(this.#cri, this.#host, config)
    try {
      for (const each of initContainers) await pod.runToEnd(each, containerConfig(each, around))
      for (const each of containers) await pod.start(each, containerConfig(each, around))
      return pod
    } catch (error) {
      await pod.remove()
      throw error
    }
  }

  /** By the names of the volumes. */
  async #hostPaths(volumes: readonly Volume[]): Promise<ReadonlyMap<string, string>> {
    const paths = new Map<string, string>()
    for (const { name, hostPath, ...rest } of volumes) {
      noneBut([], rest)
      assert.ok(hostPath, `volume ${name} is no directory of the host`)
      const path = join(this.#containerd.root, hostPath.path)
      if (hostPath.type === 'DirectoryOrCreate') await mkdir(path, { recursive: true })
      else assert.ok((await stat(path)).isDirectory(), path)
      paths.set(name, hostPath.path)
    }
    return paths
  }
}

export class Pod {
  readonly #cri: Cri
  readonly #host: LabHost
  readonly #config: object
  readonly #sandbox: string
  readonly #containers = new Map<string, { readonly id: string; readonly spec: Container }>()

  private constructor(cri: Cri, host: LabHost, config: object, sandbox: string) {
    this.#cri = cri
    this.#host = host
    this.#config = config
    this.#sandbox = sandbox
  }

  static async make(cri: Cri, host: LabHost, config: object): Promise<Pod> {
    const { podSandboxId } = await cri.call<{ podSandboxId: string }>('RunPodSandbox', { config })
    return new Pod(cri, host, config, podSandboxId)
  }

  /** In the network of Pods; empty on that of the host. */
  async address(): Promise<string> {
    const { status } = await this.#cri.call<{ status: { network: { ip: string } | null } }>(
      'PodSandboxStatus',
      { podSandboxId: this.#sandbox },
    )
    return status.network?.ip ?? ''
  }

  idOf(container: string): string {
    return this.#containerNamed(container).id
  }

  async start(spec: Container, config: object): Promise<string> {
    const request = { podSandboxId: this.#sandbox, config, sandboxConfig: this.#config }
    const { containerId } = await this.#cri.call<{ containerId: string }>(
      'CreateContainer',
      request,
    )
    this.#containers.set(spec.name, { id: containerId, spec })
    await this.#cri.call('StartContainer', { containerId })
    return containerId
  }

  /** As init containers run. */
  async runToEnd(spec: Container, config: object): Promise<void> {
    const containerId = await this.start(spec, config)
    const { exitCode } = await until(`${spec.name} ends`, async () => {
      const { status } = await this.#cri.call<{ status: { state: number; exitCode: number } }>(
        'ContainerStatus',
        { containerId },
      )
      return status.state === exited && status
    })
    assert.equal(exitCode, 0, `${spec.name} fails`)
  }

  async hasStarted(container: string): Promise<boolean> {
    const { startupProbe } = this.#containerNamed(container).spec
    return startupProbe === undefined || this.#succeeds(startupProbe)
  }

  async isAlive(container: string): Promise<boolean> {
    const { livenessProbe } = this.#containerNamed(container).spec
    return livenessProbe === undefined || this.#succeeds(livenessProbe)
  }

  /** As `kubectl exec`. */
  async exec(container: string, ...cmd: readonly string[]) {
    const { exitCode, stdout, stderr } = await this.#exec(container, cmd, 30)
    return { exitCode, stdout: String(stdout), stderr: String(stderr) }
  }

  /** As it is deleted: its containers have time to stop. */
  async remove(): Promise<void> {
    for (const { id } of this.#containers.values())
      await this.#cri.call('StopContainer', { containerId: id, timeout: 30 })
    await this.#cri.call('StopPodSandbox', { podSandboxId: this.#sandbox })
    await this.#cri.call('RemovePodSandbox', { podSandboxId: this.#sandbox })
  }

  /** On the network of the host, where the Pod is. */
  async #succeeds({ httpGet }: Probe): Promise<boolean> {
    assert.ok(httpGet?.host, 'other probes are not played')
    const { host, port, path = '/' } = httpGet
    const request = `GET ${path} HTTP/1.0\\r\\nHost: ${host}\\r\\n\\r\\n`
    const script = `exec 3<>/dev/tcp/${host}/${port}; printf "${request}" >&3; head -n 1 <&3`
    const answer = await shell(this.#host, `bash -c '${script}' 2>&1 || true`)
    return / [23]\d\d /.test(answer)
  }

  #exec(container: string, cmd: readonly string[], timeout: number) {
    const containerId = this.idOf(container)
    return this.#cri.call<{ exitCode: number; stdout: Uint8Array; stderr: Uint8Array }>(
      'ExecSync',
      { containerId, cmd, timeout },
    )
  }

  #containerNamed(name: string) {
    const found = this.#containers.get(name)
    assert.ok(found, `there is no container ${name}`)
    return found
  }
}

/** Of a container's states. */
const exited = 2
