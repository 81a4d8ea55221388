/** The configuration: its sources, their precedence, and what is refused. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fieldKeys, fields } from '../src/config/fields.ts'
import { flagOf, variableOf } from '../src/config/names.ts'
import {
  type Config,
  type ConfigResult,
  type EffectiveSetting,
  loadConfig,
  printProblems,
} from '../src/config.ts'
import { defaultTiming } from '../src/core/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-config-'))
after(() => rmSync(directory, { recursive: true }))

const host = { hostname: 'a.example' }

function load(args: readonly string[], env: Record<string, string> = {}): ConfigResult {
  return loadConfig({ args, env, host })
}

function configured(args: readonly string[], env: Record<string, string> = {}): Config {
  const result = load(args, env)
  if (!result.ok) assert.fail(printProblems(result.problems))
  return result.config
}

/** Problems as `where: message; mend`. */
function refused(args: readonly string[], env: Record<string, string> = {}): string[] {
  const result = load(args, env)
  assert.ok(!result.ok, 'it was accepted')
  return result.problems.map(({ where, message, mend }) => `${where}: ${message}; ${mend}`)
}

let files = 0
function file(text: string): string {
  files += 1
  const path = join(directory, `${files}.yaml`)
  writeFileSync(path, text)
  return path
}

/** A value that differs from the default, for each setting, as it is written. */
const samples: Readonly<Record<string, string>> = {
  cluster: 'blue',
  name: 'n1',
  seed: '10.0.1.70',
  discover: 'on',
  clusterKey: 'ab'.repeat(32),
  clusterKeyFile: '/k',
  operatorKey: `starling-operator:${'a'.repeat(43)}`,
  certificateFile: '/c.paper',
  joinToken: 'starling-token:abc',
  joinTokenFile: '/token',
  pool: '10.0.0.0/8',
  prefixLength: '24',
  announce: '10.9.0.0/16',
  reserve: '+10-+20',
  acceptPrefixes: '10.0.0.0/8',
  dialNetworks: '203.0.113.0/24',
  bridge: 'br7',
  interface: 'eth1',
  masquerade: 'true',
  noMasquerade: '192.168.0.0/16',
  openForward: 'true',
  refuseUnclaimed: 'true',
  nextHop: '10.0.1.5',
  table: '1000',
  metric: '7',
  protocol: '90',
  listen: '10.0.1.5',
  port: '9000',
  stateDir: '/var/lib/other',
  socket: '/run/other.sock',
  socketGroup: 'adm',
  socketReadGroup: 'users',
  grpcListen: '127.0.0.1:9000',
  grpcCertFile: '/cert.pem',
  grpcKeyFile: '/key.pem',
  grpcClientCaFile: '/ca.pem',
  metricsListen: '127.0.0.1:9101',
  uiListen: '127.0.0.1:9102',
  webName: 'gw.example',
  webCertFile: '/cert.pem',
  webKeyFile: '/key.pem',
  webClientCaFile: '/ca.pem',
  insecure: 'true',
  dockerPlugin: '/run/docker/plugins/starling.sock',
  cniConfDir: '/etc/cni/net.d',
  cniBinDir: '/opt/cni/bin',
  logLevel: 'debug',
  logFormat: 'json',
  nodesMax: '100',
  routesMax: '200',
  settleMs: '700',
  tenureMs: '50000',
  joinTimeoutMs: '40000',
  antiEntropyMs: '4000',
  watchMs: '500',
  displacedAfter: '30000',
  reclaimAfter: '7200000',
  tombstoneMs: '100000000',
  resyncMs: '200000',
  leakMs: '30000',
}

const alone = [
  'clusterKeyFile',
  'grpcCertFile',
  'grpcKeyFile',
  'grpcClientCaFile',
  'webCertFile',
  'webKeyFile',
  'webClientCaFile',
  'cniBinDir',
]

describe('sources', () => {
  for (const key of fieldKeys) {
    const sample = samples[key] ?? ''
    const args = fields[key].isSwitch ? [flagOf(key)] : [flagOf(key), sample]
    const env = { [variableOf(key)]: sample }
    // Not valid alone: other tests read them.
    if (key.startsWith('clusterKeyAccept') || alone.includes(key)) continue
    test(`${key} is read from a flag, the environment and the file, and says from where`, () => {
      const path = file(`# first\n${key}: ${sample}\n`)
      for (const [result, from, where] of [
        [load(args), 'flag', flagOf(key)],
        [load([], env), 'environment', variableOf(key)],
        [load(['--config', path]), 'file', `${path}:2`],
      ] as const) {
        if (!result.ok) assert.fail(printProblems(result.problems))
        const setting: EffectiveSetting | undefined = result.settings.find(
          (each) => each.key === key,
        )
        assert.deepEqual([setting?.from, setting?.where], [from, where])
        const shown: string = fields[key].secret ? '********' : sample
        assert.equal(String(setting?.value), shown)
      }
    })
  }

  test('flags go over the environment, the environment over the file, the file over defaults', () => {
    const path = file('port: 1\ncluster: f\nname: f\n')
    const env = { STARLING_CONFIG: path, STARLING_PORT: '2', STARLING_CLUSTER: 'e' }
    const config = configured(['--port', '3'], env)
    assert.deepEqual(
      [config.port, config.cluster, config.name, config.metric],
      [3, 'e', 'f', { 4: 0, 6: 1024 }],
    )
  })

  test('a switch takes the word behind it for its value where it is one', () => {
    const discovers = (...args: string[]) => configured(args).discovers
    const key = ['--cluster-key', 'ab'.repeat(32)]
    assert.deepEqual(
      [discovers(), discovers('--discover'), discovers('--discover', 'on'), discovers(...key)],
      [false, true, true, true],
    )
    assert.equal(discovers('--discover', 'off', ...key), false)
    assert.equal(configured(['--masquerade', '--discover']).discovers, true)
    const result = load(['--discover', 'never'])
    assert.match(result.ok ? '' : printProblems(result.problems), /argument "never"/)
  })

  test('the file named by the flag is read and not the one named by the variable', () => {
    const env = { STARLING_CONFIG: file('port: 1') }
    assert.equal(configured(['--config', file('port: 2')], env).port, 2)
  })

  test('a list comes from repeated flags, from commas and from YAML alike', () => {
    const wanted = ['a', 'b:1', '[fd00::1]:7871', '/ip4/10.0.1.70/tcp/7871']
    const flags = wanted.flatMap((seed) => ['--seed', seed])
    assert.deepEqual(configured(flags).seeds, wanted)
    assert.deepEqual(configured([], { STARLING_SEED: wanted.join(', ') }).seeds, wanted)
    const path = file(`seed:\n${wanted.map((seed) => `  - "${seed}"\n`).join('')}`)
    assert.deepEqual(configured(['--config', path]).seeds, wanted)
  })

  test('the API on TCP has all of its certificates', () => {
    const files = ['--grpc-cert-file', '/c', '--grpc-key-file', '/k', '--grpc-client-ca-file', '/a']
    assert.deepEqual(configured(['--grpc-listen', '[fd00::1]:9000', ...files]).grpc, {
      host: 'fd00::1',
      port: 9_000,
      tls: { certificate: '/c', key: '/k', clientCa: '/a' },
    })
    assert.equal(configured(['--grpc-listen', '127.0.0.1:9000']).grpc?.tls, undefined)
  })

  test('metrics and the page share their certificate, and answer to the name of the node', () => {
    const tls = ['--web-cert-file', '/c', '--web-key-file', '/k']
    const listen = ['--metrics-listen', '0.0.0.0:9101', '--ui-listen', '[::]:9102']
    const { metrics, ui } = configured(['--name', 'gw', '--web-name', 'x', ...listen, ...tls])
    const shared = {
      names: ['gw', 'x'],
      tls: { certificate: '/c', key: '/k', clientCa: undefined },
    }
    assert.deepEqual(metrics, { host: '0.0.0.0', port: 9_101, ...shared })
    assert.deepEqual(ui, { host: '::', port: 9_102, ...shared })
    assert.equal(configured([]).ui, undefined)
  })

  test('what listens in plaintext where others reach it must be asked for', () => {
    for (const flag of ['--grpc-listen', '--metrics-listen', '--ui-listen']) {
      configured([flag, '10.0.0.1:9000', '--insecure'])
      configured([flag, '127.0.0.1:9000'])
      assert.equal(load([flag, '10.0.0.1:9000']).ok, false, flag)
    }
  })

  test('an empty variable counts as absent, an empty list on a flag as a list', () => {
    const env = { STARLING_SEED: 'a', STARLING_PORT: '' }
    assert.equal(configured([], env).port, 7871)
    assert.deepEqual(configured(['--seed='], env).seeds, [])
  })

  test('scalars of YAML are taken as they are written, whatever YAML would make of them', () => {
    const path = file(`clusterKey: ${'1'.repeat(64)}\nname: no\ncluster: 1e3\n`)
    const config = configured(['--config', path])
    assert.deepEqual(
      [config.clusterKey, config.name, config.cluster],
      ['1'.repeat(64), 'no', '1e3'],
    )
  })

  test('durations are milliseconds or have a unit', () => {
    const config = configured(['--settle-ms', '250ms', '--tombstone-ms', '2d', '--resync-ms', '5m'])
    assert.deepEqual(config.timing, {
      ...defaultTiming,
      settleMs: 250,
      tombstoneMs: 172_800_000,
      resyncMs: 300_000,
    })
  })
})

describe('defaults', () => {
  test('nothing configured is a whole configuration', () => {
    const config = configured([])
    assert.equal(config.name, 'a.example')
    assert.deepEqual(
      config.pools.map(({ prefix, subnetLength }) => [prefix.text, subnetLength]),
      [['172.16.0.0/12', 22]],
    )
    assert.deepEqual(
      config.accept.map(({ text }) => text),
      ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
    )
    assert.deepEqual(config.timing, defaultTiming)
    assert.deepEqual(
      config.listen.map(({ text }) => text),
      ['0.0.0.0', '::'],
    )
    assert.equal(config.clusterKey, undefined)
  })

  test('the accept list has the pools by default, and only what was written otherwise', () => {
    const pool = ['--pool', '100.64.0.0/10']
    assert.ok(configured(pool).accept.some(({ text }) => text === '100.64.0.0/10'))
    const accept = configured([...pool, '--accept-prefixes', '10.0.0.0/8']).accept
    assert.deepEqual(
      accept.map(({ text }) => text),
      ['10.0.0.0/8'],
    )
  })

  test('a host name that is no usable name says which setting mends it', () => {
    const result = loadConfig({ args: [], env: {}, host: { hostname: 'no good' } })
    assert.ok(!result.ok)
    assert.deepEqual(
      result.problems.map(({ where }) => where),
      ['default of name'],
    )
  })

  test('no bridge is an empty name', () => {
    assert.equal(configured(['--bridge', 'none']).bridge, '')
  })
})

describe('pools', () => {
  for (const [written, lengths, wanted] of [
    ['10.0.0.0/8 fd00:10::/40', '20 64', '10.0.0.0/8=20 fd00:10::/40=64'],
    ['fd00:10::/40 10.0.0.0/8', '64 20', 'fd00:10::/40=64 10.0.0.0/8=20'],
    ['10.0.0.0/8 fd00:10::/40', '20', '10.0.0.0/8=20 fd00:10::/40=50'],
    ['10.0.0.0/24', '', '10.0.0.0/24=30'],
    ['10.0.0.8/29', '', '10.0.0.8/29=30'],
    ['fd00:10::/60', '', 'fd00:10::/60=64'],
    ['fd00:10::/64', '', 'fd00:10::/64=74'],
    ['fd00:10::/120', '', 'fd00:10::/120=126'],
    ['', '24', '172.16.0.0/12=24'],
  ] as const) {
    test(`pools ${written || 'by default'} with lengths ${lengths || 'by default'}`, () => {
      const flags = (flag: string, values: string): string[] =>
        values.split(' ').flatMap((value) => (value === '' ? [] : [flag, value]))
      const { pools } = configured([
        ...flags('--pool', written),
        ...flags('--prefix-length', lengths),
      ])
      const got = pools.map(({ prefix, subnetLength }) => `${prefix.text}=${subnetLength}`)
      assert.equal(got.join(' '), wanted)
    })
  }
})

describe('refusals', () => {
  for (const [name, args, where, pattern] of [
    [
      'host bits in a pool',
      ['--pool', '10.1.2.3/8'],
      '--pool',
      /host bits set; write 10\.0\.0\.0\/8/,
    ],
    ['text that is no prefix', ['--pool', 'ten'], '--pool', /is no prefix/],
    ['a pool that is too broad', ['--pool', '0.0.0.0/0'], '--pool', /too broad/],
    ['a pool that is too narrow', ['--pool', '10.0.0.0/30'], '--pool', /too narrow/],
    ['a broad IPv6 pool', ['--pool', 'fc00::/7'], '--pool', /too broad.*\/16 to \/125/],
    [
      'two pools of a family',
      ['--pool', '10.0.0.0/8,11.0.0.0/8'],
      '--pool',
      /more than one of IPv4/,
    ],
    ['a length that is not longer', ['--prefix-length', '12'], '--prefix-length', /write 13 to 30/],
    ['a length that leaves no room', ['--prefix-length', '31'], '--prefix-length', /13 to 30/],
    [
      'more lengths than pools',
      ['--prefix-length', '20,64'],
      '--prefix-length',
      /more prefix lengths/,
    ],
    ['no pool at all', ['--pool='], '--pool', /pool is empty/],
    ['plaintext for others', ['--grpc-listen', '10.0.0.1:9000'], '--grpc-listen', /in plaintext/],
    ['a certificate alone', ['--grpc-cert-file', '/c'], '--grpc-cert-file', /is set alone/],
    [
      'a port without an address',
      ['--grpc-listen', ':9000'],
      '--grpc-listen',
      /no address with a port/,
    ],
    ['a reserve that is none', ['--reserve', '+20-+10'], '--reserve', /no range of addresses/],
    ['a broad announcement', ['--announce', '0.0.0.0/0'], '--announce', /too broad.*\/8/],
    ['a broad IPv6 announcement', ['--announce', 'fc00::/7'], '--announce', /too broad.*\/16/],
    ['a port out of bounds', ['--port', '65536'], '--port', /1 to 65535/],
    ['hex where a number goes', ['--port', '0x10'], '--port', /no whole number/],
    ['the local table', ['--table', '255'], '--table', /local/],
    ['a protocol number in use', ['--protocol', '12'], '--protocol', /BIRD/],
    ["one of FRR's numbers", ['--protocol', '190'], '--protocol', /FRR/],
    ['a long interface name', ['--bridge', 'a-name-of-16-char'], '--bridge', /15 characters/],
    ['the bridge as interface', ['--interface', 'starling0'], '--interface', /the bridge/],
    ['a loopback next hop', ['--next-hop', '127.0.0.1'], '--next-hop', /not reachable/],
    ['two next hops', ['--next-hop', '10.0.0.1,10.0.0.2'], '--next-hop', /more than one of IPv4/],
    ['nothing to listen on', ['--listen='], '--listen', /empty/],
    ['a relative path', ['--state-dir', 'state'], '--state-dir', /not absolute/],
    [
      'a plugin socket that Docker does not look for',
      ['--docker-plugin', '/run/docker/plugins/starling'],
      '--docker-plugin',
      /does not end in \.sock; write \/run\/docker\/plugins\/starling\.sock/,
    ],
    [
      'a plugin socket that is the API socket',
      ['--docker-plugin', '/run/a.sock', '--socket', '/run/a.sock'],
      '--docker-plugin',
      /is \/run\/a\.sock, the socket of the operator API/,
    ],
    [
      'a network of CNI without a bridge',
      ['--cni-conf-dir', '/etc/cni/net.d', '--bridge', 'none'],
      '--cni-conf-dir',
      /cniConfDir is set, and bridge is none/,
    ],
    ['plugins without a network', ['--cni-bin-dir', '/bin'], '--cni-bin-dir', /cniConfDir is not/],
    ['a long socket path', ['--socket', `/${'s'.repeat(107)}`], '--socket', /108 bytes.*107/],
    ['a bad seed', ['--seed', 'a:b:c'], '--seed', /is no seed/],
    ['a seed without a port number', ['--seed', 'a:70000'], '--seed', /is no seed/],
    ['half an address as seed', ['--seed', '10.0.1'], '--seed', /is no seed/],
    ['an unknown level', ['--log-level', 'loud'], '--log-level', /trace, debug/],
    ['a unit nobody knows', ['--settle-ms', '3w'], '--settle-ms', /no duration/],
    ['settling after the join timeout', ['--settle-ms', '31s'], '--settle-ms', /not below join/],
    ['short tombstones', ['--tombstone-ms', '49s'], '--tombstone-ms', /ten times antiEntropyMs/],
    ['a flag without value', ['--port'], '--port', /has no value/],
    ['a flag instead of a value', ['--port', '--name', 'x'], '--port', /has no value/],
    ['a scalar given twice', ['--port', '1', '--port', '2'], '--port', /given twice/],
    ['a key of nobody', ['--operator-key', 'abc'], '--operator-key', /starling admin init/],
    ['a token of nobody', ['--join-token', 'abc'], '--join-token', /starling admin token/],
    [
      'keys that are accepted and none that is offered',
      ['--cluster-key-accept', 'ab'.repeat(32)],
      '--cluster-key-accept',
      /no cluster key is; set clusterKeyFile/,
    ],
    [
      'a token twice',
      ['--join-token', 'starling-token:abc', '--join-token-file', '/token'],
      '--join-token',
      /are both set/,
    ],
    ['a stray word', ['10.0.1.70'], 'argument "10.0.1.70"', /not expected/],
    ['a missing file', ['--config', '/nowhere.yaml'], '--config', /does not exist/],
    ['an unknown flag', ['--sed', 'x'], '--sed', /did you mean --seed\?/],
  ] as const) {
    test(`${name} is one problem that says where and what to write`, () => {
      const problems = refused(args)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.ok(problems[0]?.startsWith(`${where}: `), problems[0])
      assert.match(problems[0] ?? '', pattern)
    })
  }

  test('every problem of every source is reported at once', () => {
    const path = file('sede: [a]\nport: 0\nbridge: {a: b}\nname:\n')
    assert.deepEqual(
      refused(['--config', path, '--pol', '10.0.0.0/8', '--metric', '-1'], {
        STARLING_POLL: 'x',
        STARLING_SETTLE_MS: '1h',
        UNRELATED: 'x',
      }).map((problem) => problem.replace(path, 'FILE')),
      [
        '--pol: is an unknown flag; did you mean --pool?',
        'STARLING_POLL: is an unknown variable; did you mean STARLING_POOL?',
        'FILE:1: "sede" is an unknown key; did you mean seed?',
        'FILE:3: bridge is no plain value; write bridge: VALUE',
        'FILE:4: name has no value; write one or remove the line',
        '--metric: metric "-1" is out of bounds or no whole number; write a number from 0 to 4294967295',
        'FILE:2: port "0" is out of bounds or no whole number; write a number from 1 to 65535',
        'STARLING_SETTLE_MS: settleMs (3600000) is not below joinTimeoutMs (30000); lower settleMs or raise joinTimeoutMs',
      ],
    )
  })

  test('an element of a list is named by its own line', () => {
    const path = file('listen:\n  - 0.0.0.0\n  - nowhere\n')
    assert.match(refused(['--config', path])[0] ?? '', /:3: listen "nowhere" is not an IP address/)
  })

  test('text that is no YAML is named by its line', () => {
    const path = file('port: 1\nport: 2\n')
    assert.match(refused(['--config', path])[0] ?? '', /:2: .*unique/i)
  })

  test('variables that Kubernetes makes of a Service are told apart from mistakes', () => {
    for (const env of [
      { STARLING_PORT: 'tcp://10.96.0.7:7871' },
      { STARLING_SERVICE_HOST: '10.96.0.7' },
      { STARLING_PORT_7871_TCP_ADDR: '10.96.0.7' },
    ]) {
      assert.match(refused([], env)[0] ?? '', /enableServiceLinks/)
    }
  })
})

describe('the cluster key', () => {
  const key = 'AB'.repeat(32)

  test('is read from a file, in lower case and without the newline', () => {
    const path = file(`${key}\n`)
    assert.equal(configured(['--cluster-key-file', path]).clusterKey, key.toLowerCase())
  })

  test('is refused when it is set twice, unreadable or no key, and never repeated', () => {
    const path = file('short')
    assert.match(
      refused(['--cluster-key-file', path, '--cluster-key', key])[0] ?? '',
      /both set; keep one/,
    )
    assert.match(refused(['--cluster-key-file', '/nowhere'])[0] ?? '', /does not exist/)
    assert.match(refused(['--cluster-key-file', path])[0] ?? '', /64 hex digits.*openssl/)
    const problems = refused(['--cluster-key', 'secret'])
    assert.ok(!problems.join().includes('secret'), problems.join())
  })

  test('is masked in the effective settings', () => {
    const result = load(['--cluster-key', key])
    assert.ok(result.ok)
    assert.ok(!JSON.stringify(result.settings).toLowerCase().includes('abab'))
  })
})

test('the configuration is frozen to the bottom', () => {
  const unfrozen: string[] = []
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) unfrozen.push(path)
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`)
  }
  visit(configured(['--seed', 'a']), 'config')
  assert.deepEqual(unfrozen, [])
})

test('flags that belong to the caller are left to it', () => {
  const result = loadConfig({ args: ['--json', '--port', '1'], env: {}, others: ['--json'], host })
  assert.ok(result.ok)
})
