/** Commands for addresses of containers, and for the runtimes that ask for them. */

import { type Command, Option } from 'commander'
import type { InstallOptions, UninstallOptions } from './cni.ts'
import type { DockerOptions } from './docker.ts'
import type { AdoptOptions, AllocateOptions } from './ip.ts'
import { type Means, shared } from './means.ts'
import type { Shared } from './session.ts'

export function addContainers({ program, run }: Means): void {
  const ip = program
    .command('ip')
    .description("Manage the addresses of this host's containers.")
    .helpGroup('Containers:')
  shared(ip.command('list'), 'List who holds which address, and how many are left.').action(
    run(async (options: Shared) => (await import('./ip.ts')).list(options)),
  )
  shared(ip.command('allocate'), 'Grant addresses to something that is not a container.')
    .argument('<id>', 'any name for it; the same id gets the same addresses')
    .option('--address <address...>', 'exactly these addresses')
    .option(
      '--name <name>',
      'a later request by this name gets the same addresses while they are free',
    )
    .action(
      run(async (id: string, options: AllocateOptions) =>
        (await import('./ip.ts')).allocate(id, options),
      ),
    )
  shared(ip.command('release'), 'Release an address, or all that were granted to an id by hand.')
    .argument('<address|id>')
    .action(
      run(async (what: string, options: Shared) =>
        (await import('./ip.ts')).release(what, options),
      ),
    )
  shared(ip.command('adopt'), 'Rebuild lost leases from what CNI runtimes remember.')
    .option('--from <directory>', 'cache of the CNI runtime', '/var/lib/cni/results')
    .action(run(async (options: AdoptOptions) => (await import('./ip.ts')).adopt(options)))
  const docker = program
    .command('docker')
    .description("Connect Docker's containers to the cluster.")
    .helpGroup('Containers:')
  shared(docker.command('network'), "Create the Docker network on this host's bridge and subnet.")
    .argument('<name>')
    .option('--print', 'print the docker command instead of running it')
    .addOption(
      new Option('--docker-host <url>', 'unix socket of dockerd (DOCKER_HOST)').default(
        process.env.DOCKER_HOST || 'unix:///var/run/docker.sock',
      ),
    )
    .action(
      run(async (name: string, options: DockerOptions) =>
        (await import('./docker.ts')).network(name, options),
      ),
    )
  const cni = program
    .command('cni')
    .description('Connect containers of CNI runtimes to the cluster.')
    .helpGroup('Containers:')
  const places = (command: Command): Command =>
    command
      .option(
        '--bin-dir <directory>',
        'directory of the plugins (default: where the bridge plugin is)',
      )
      .option('--conf-dir <directory>', 'directory of the networks', '/etc/cni/net.d')
  places(shared(cni.command('install'), 'Install the plugin, and the networks that use it.'))
    .option('--network <name...>', 'names of the networks', ['starling'])
    .option('--plugin-only', 'the plugin and no network: needs --bin-dir, and no agent')
    .action(run(async (options: InstallOptions) => (await import('./cni.ts')).install(options)))
  places(
    shared(cni.command('uninstall'), 'Remove the plugin and the networks that use it.'),
  ).action(run(async (options: UninstallOptions) => (await import('./cni.ts')).uninstall(options)))
}
