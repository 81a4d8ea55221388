/** The command line: which commands there are and what each takes. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { defaultSocket } from '../config/socket-path.ts'
import { version } from '../version.ts'
import { addAdmin } from './admin-commands.ts'
import type { InstallOptions, UninstallOptions } from './cni.ts'
import type { DockerOptions } from './docker.ts'
import { exitCode } from './exit-code.ts'
import type { AdoptOptions, AllocateOptions } from './ip.ts'
import type { Shared } from './session.ts'
import type { StatusOptions } from './status.ts'

/** Performs one command line and returns its exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  endQuietlyWithReader()
  const [command, ...rest] = args
  const asksForHelp = rest.includes('--help') || rest.includes('-h')
  if (command === 'config' && !asksForHelp) return (await import('./config.ts')).config(rest)
  const outcome = { code: exitCode.fine as number }
  const program = createProgram(outcome)
  if (command === 'agent' || command === 'config' || command === 'help') {
    const { describeSettings } = await import('./settings-help.ts')
    for (const each of program.commands) {
      if (each.name() === 'agent' || each.name() === 'config') describeSettings(each)
    }
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    // Commander has printed its message; help that was asked for is no failure.
    return thrown.exitCode === 0 && args.length > 0 ? exitCode.fine : exitCode.usage
  }
  return outcome.code
}

/** Without the settings of `agent` and `config`, which are many. */
export function createProgram(outcome: { code: number }): Command {
  const program = new Command('starling')
    .description('Container subnets and routes for every host of a cluster.')
    .version(version, '-V, --version')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'starling:')) })
    .addHelpText(
      'after',
      '\nExit codes: 0 success, 1 refused or something is wrong, 2 wrong usage or configuration, 3 no agent answers.',
    )
  // They read their flags themselves, to report every problem at once; here they only have help.
  program.command('agent').description('Run the agent of this host.').helpGroup('Agent:')
  program
    .command('config')
    .description('Print the effective settings and where each comes from.')
    .option('--json', 'print JSON')
    .helpGroup('Agent:')

  const shared = (command: Command, about: string): Command =>
    command
      .description(about)
      .option('--json', 'print JSON')
      .addOption(
        // An empty variable counts as absent, as it does for the agent.
        new Option('--socket <path>', 'unix socket of the agent (STARLING_SOCKET)').default(
          process.env.STARLING_SOCKET || defaultSocket,
        ),
      )
  const see = (name: string, about: string): Command =>
    shared(program.command(name), about).helpGroup('See:')
  const change = (name: string, about: string): Command =>
    shared(program.command(name), about).helpGroup('Change:')
  const run =
    <Arguments extends unknown[]>(perform: (...given: Arguments) => Promise<number>) =>
    async (...given: Arguments): Promise<void> => {
      outcome.code = await perform(...given)
    }

  see('status', 'Show whether all is well, and what to do where it is not; exits 0 when it is.')
    .option('--wait', 'wait until converged: exits 0 then, 1 or 3 (no agent) at the timeout')
    .option('--timeout <seconds>', 'with --wait: the longest wait', seconds, 30)
    .action(run(async (options: StatusOptions) => (await import('./status.ts')).status(options)))
  see('claims', 'List the subnets and the nodes that claim them.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).claims(shared)),
  )
  see('routes', 'List the wanted routes beside those in the kernel.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).routes(shared)),
  )
  see('peers', 'List the nodes of the cluster.').action(
    run(async (shared: Shared) => (await import('./lists.ts')).peers(shared)),
  )
  see('explain', 'Show everything that is known about one address.')
    .argument('<address>')
    .action(
      run(async (address: string, shared: Shared) =>
        (await import('./explain.ts')).explain(address, shared),
      ),
    )
  see('watch', 'Print events as they happen.').action(
    run(async (shared: Shared) => (await import('./watch.ts')).watch(shared)),
  )
  change('announce', 'Let the cluster route a further prefix to this host.')
    .argument('<prefix>')
    .action(
      run(async (prefix: string, shared: Shared) =>
        (await import('./actions.ts')).announce(prefix, shared),
      ),
    )
  change('withdraw', 'Withdraw an announced prefix.')
    .argument('<prefix>')
    .action(
      run(async (prefix: string, shared: Shared) =>
        (await import('./actions.ts')).withdraw(prefix, shared),
      ),
    )
  change('evict', 'Remove a node that is gone for good, and free its subnet.')
    .argument('<node>', 'name or id')
    .action(
      run(async (node: string, shared: Shared) =>
        (await import('./actions.ts')).evict(node, shared),
      ),
    )
  change('leave', "Free this host's subnet, remove its routes, stop the agent.")
    .option('--force', 'even while containers have addresses of the subnet')
    .action(
      run(async (options: Shared & { force?: true }) =>
        (await import('./actions.ts')).leave(options),
      ),
    )
  change(
    'purge',
    "Remove all of starling's routes from the kernel; resync brings them back.",
  ).action(run(async (shared: Shared) => (await import('./actions.ts')).purge(shared)))
  change('resync', "Read the kernel's routes again and repair what differs.").action(
    run(async (shared: Shared) => (await import('./actions.ts')).resync(shared)),
  )
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
    .option('--plugin-only', 'no network; needs --bin-dir, and no agent')
    .action(run(async (options: InstallOptions) => (await import('./cni.ts')).install(options)))
  places(
    shared(cni.command('uninstall'), 'Remove the plugin and the networks that use it.'),
  ).action(run(async (options: UninstallOptions) => (await import('./cni.ts')).uninstall(options)))
  addAdmin(program, { shared, run })
  return program
}

function seconds(text: string): number {
  const value = /^[0-9]{1,4}(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value <= 3_600) return value
  throw new InvalidArgumentError('Give a number of seconds, at most 3600.')
}

/** `starling routes | head` is no failure of ours. */
function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCode.fine)
    throw error
  })
}
