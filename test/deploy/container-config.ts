/** A container of a Pod in the words of CRI. What it does not know of Kubernetes' words it refuses. */

import assert from 'node:assert/strict'
import type {
  Container,
  EnvFromSource,
  EnvVar,
  SecurityContext,
  VolumeMount,
} from 'kubernetes-types/core/v1.js'

type Data = ReadonlyMap<string, Readonly<Record<string, string>>>

/** What surrounds the container. */
export interface Surroundings {
  readonly node: string
  /** By their names. */
  readonly configMaps: Data
  readonly secrets: Data
  /** On the host, by the names of the volumes. */
  readonly paths: ReadonlyMap<string, string>
  /** Of the Pod, in CRI's words. */
  readonly namespaceOptions: object
  readonly seccomp: object
}

export function containerConfig(container: Container, around: Surroundings): object {
  const { name, image, command = [], args = [], envFrom = [], env = [], resources } = container
  const { volumeMounts = [], securityContext, ...rest } = container
  const known = ['name', 'image', 'command', 'args', 'envFrom', 'env', 'resources']
  // The kubelet's own.
  const probes = ['startupProbe', 'livenessProbe']
  noneBut([...known, ...probes], rest)
  const { namespaceOptions, seccomp } = around
  return {
    metadata: { name, attempt: 0 },
    image: { image },
    command,
    args,
    envs: [
      ...envFrom.flatMap((source) => variablesOf(source, around)),
      ...env.flatMap((variable) => {
        const value = valueIn(variable, around)
        return value === undefined ? [] : [{ key: variable.name, value }]
      }),
    ],
    mounts: volumeMounts.map((mount) => mountOf(mount, around)),
    logPath: `${name}.log`,
    linux: {
      resources: { memoryLimitInBytes: bytesOf(resources?.limits?.memory) },
      securityContext: { ...rightsOf(securityContext), namespaceOptions, seccomp },
    },
  }
}

/** Throws where `object` has further keys. */
export function noneBut(known: readonly string[], object: object): void {
  const unknown = Object.keys(object).filter((key) => !known.includes(key))
  assert.deepEqual(unknown, [], 'words that are not played')
}

function valueIn({ name, value, valueFrom }: EnvVar, around: Surroundings): string | undefined {
  if (!valueFrom) return value
  const { fieldRef, secretKeyRef } = valueFrom
  if (fieldRef?.fieldPath === 'spec.nodeName') return around.node
  assert.ok(secretKeyRef, `${name} comes from something that is not played`)
  const secret = around.secrets.get(secretKeyRef.name ?? '')?.[secretKeyRef.key]
  assert.ok(secret !== undefined || secretKeyRef.optional, `${name}: there is no such secret`)
  return secret
}

function variablesOf(
  { configMapRef, ...rest }: EnvFromSource,
  { configMaps }: Surroundings,
): { readonly key: string; readonly value: string }[] {
  noneBut([], rest)
  const data = configMaps.get(configMapRef?.name ?? '')
  assert.ok(data, `there is no ConfigMap ${configMapRef?.name}`)
  return Object.entries(data).map(([key, value]) => ({ key, value }))
}

function mountOf(mount: VolumeMount, { paths }: Surroundings): object {
  const { name, mountPath, readOnly = false, mountPropagation = 'None', ...rest } = mount
  noneBut([], rest)
  const hostPath = paths.get(name)
  assert.ok(hostPath, `there is no volume ${name}`)
  const propagation = propagations[mountPropagation as keyof typeof propagations]
  return { containerPath: mountPath, hostPath, readonly: readOnly, propagation }
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
} as const

function rightsOf(context: SecurityContext = {}): object {
  const { allowPrivilegeEscalation = true, readOnlyRootFilesystem = false, ...rest } = context
  const { capabilities = {}, ...more } = rest
  noneBut([], more)
  const { add = [], drop = [] } = capabilities
  return {
    capabilities: { addCapabilities: add, dropCapabilities: drop },
    readonlyRootfs: readOnlyRootFilesystem,
    noNewPrivs: !allowPrivilegeEscalation,
  }
}

function bytesOf(quantity = '0'): number {
  const [, amount, unit = ''] = /^([0-9]+)(Mi|Gi|)$/.exec(quantity) ?? []
  assert.ok(amount, quantity)
  return Number(amount) * { '': 1, Mi: 2 ** 20, Gi: 2 ** 30 }[unit as '' | 'Mi' | 'Gi']
}
