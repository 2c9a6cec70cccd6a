import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pin } from '@tandem/client'
import type { DatabaseName, StoreConfig } from '@tandem/store'
import { cloudPublicKeyResponse } from '@tandem/wire'
import { type RunningChain, startAnvil } from '../processes/anvil.ts'
import { requireDevelopmentChain } from '../seeded/deterministic.ts'
import { startFirestore } from '../processes/firestore.ts'
import { type RunningIssuer, startIssuer } from '../issuer.ts'
import { LOCAL_KEY, startKms } from '../kms/kms.ts'
import { MEMBER_KMS_KEYS, startInSigpairsPlace } from './members.ts'
import { type P2, PORT_FLAGS, type Ports } from '../options.ts'
import { portOf, requireFreePort } from '../processes/ports.ts'
import { type Service, serviceOf } from '../processes/service-process.ts'
import type { ServiceName } from '../processes/programs.ts'
import { planServices, type ServicePlan } from './services.ts'
import { scaledOf, type WatchInstances } from './scaled.ts'
import { databasesOf, type Storage, type WantedStorage } from './storage.ts'
import type { Teller } from '../story/tell.ts'

export type StackOptions = {
  readonly ports: Ports
  /** where functions and Sigpair listen; the rest stays on loopback */
  readonly host: string
  /** databases, keys and logs */
  readonly directory: string
  readonly storage: WantedStorage
  /** who is in Sigpair's place; Sigpair by default */
  readonly p2?: P2 | undefined
  /** members and gateway in this process: for tests */
  readonly membersHere?: true | undefined
  /** where `npm run bundle` wrote the services; from source without it */
  readonly bundles?: string | undefined
  /** everything in this process, drawing from this; undefined: each service a process of its own */
  readonly seed?: string | undefined
  /** so many processes of each service behind a balancer, and Sigpair's two roles apart; one without any by default */
  readonly instances?: number | undefined
  /** hears of every call that goes through a balancer */
  readonly watch?: WatchInstances | undefined
  /** what services are told otherwise */
  readonly env?: Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>> | undefined
  /** an EVM node that runs already */
  readonly chainUrl?: string
}

/** A whole Tandem on one machine. */
export type Stack = {
  readonly functionsUrl: string
  readonly sigpairUrl: string
  readonly rpcUrl: string
  readonly chainId: number
  readonly issuerUrl: string
  readonly logs: string
  readonly databases: Readonly<Record<DatabaseName, StoreConfig>>
  /** an id token of a local user */
  readonly tokenOf: (user: string) => Promise<string>
  /** Sigpair's public keys, as an app would have them built in */
  readonly pin: () => Promise<Pin>
  /** for whoever wants to end one and start it again */
  readonly service: (name: ServiceName) => Service
  /** of the committee, where the service `sigpair` is its gateway; none in a pair */
  readonly members: readonly Service[]
  /** the processes behind one balancer each, of all services; none unless several were asked for */
  readonly instances: readonly Service[]
  /** how a service was started: arguments, and all of its environment */
  readonly planOf: (name: ServiceName) => ServicePlan
  /** Starts one more process of a service, on the same databases. `env` says what is different, its PORT at least. */
  readonly another: (name: ServiceName, env: Readonly<Record<string, string>>) => Promise<Service>
  readonly stop: () => Promise<void>
}

const AUDIENCE = 'tandem'

/**
 * Starts every part and waits until each answers. What was started is stopped again if a later part fails.
 *
 * @throws {Error} that names the part, and what to do
 */
export async function startStack(options: StackOptions, tell: Pick<Teller, 'step'>): Promise<Stack> {
  const started: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    await requireFreePorts(options)
    const world = await startWorld(options, tell, started)
    return { ...(await startServices(options, world, tell, started)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What a deployment finds around it. */
type World = { readonly issuer: RunningIssuer; readonly chain: RunningChain; readonly storage: Storage }

async function startWorld(
  { ports, directory, chainUrl, seed, storage: wanted, p2 }: StackOptions,
  tell: Pick<Teller, 'step'>,
  started: (() => Promise<void>)[],
): Promise<World> {
  await mkdir(logsOf(directory), { recursive: true, mode: 0o700 })
  // A KMS and an issuer on this machine: no library needs to ask for Google's metadata.
  process.env['METADATA_SERVER_DETECTION'] = 'none'

  // The part that a machine most often lacks comes first
  const storage = await startStorage(wanted, { ports, directory }, tell, started)
  const keys = p2 === 'committee' ? [LOCAL_KEY, ...MEMBER_KMS_KEYS] : [LOCAL_KEY]
  const kms = await tell.step(
    'local KMS',
    async () => startKms({ port: ports.kms, file: join(directory, 'kms.json'), keys }),
    at(`127.0.0.1:${ports.kms}`),
  )
  started.push(kms.close)
  const issuer = await tell.step(
    'OIDC issuer',
    async () => startIssuer({ port: ports.issuer, file: join(directory, 'issuer.jwk'), audience: AUDIENCE }),
    at(`http://127.0.0.1:${ports.issuer}`),
  )
  started.push(issuer.close)
  const chain = await tell.step(
    'EVM node (anvil)',
    async () =>
      startAnvil({
        port: ports.chain,
        logFile: join(logsOf(directory), 'anvil.log'),
        ...(chainUrl === undefined ? {} : { rpcUrl: chainUrl }),
      }),
    ({ rpcUrl }) => rpcUrl,
  )
  started.push(chain.stop)
  if (seed !== undefined) requireDevelopmentChain(chain)
  return { issuer, chain, storage }
}

async function startStorage(
  wanted: WantedStorage,
  { ports, directory }: Pick<StackOptions, 'ports' | 'directory'>,
  tell: Pick<Teller, 'step'>,
  started: (() => Promise<void>)[],
): Promise<Storage> {
  if (wanted.engine === 'sqlite') return wanted
  const { engine, projectId, emulatorHost } = wanted
  if (emulatorHost !== undefined) return { engine, projectId, emulatorHost }
  const emulator = await tell.step(
    'Firestore (emulator)',
    async () => startFirestore({ port: ports.firestore, logFile: join(logsOf(directory), 'firestore.log') }),
    ({ host }) => host,
  )
  started.push(emulator.stop)
  return { engine, projectId, emulatorHost: emulator.host }
}

async function startServices(
  options: StackOptions,
  { issuer, chain, storage }: World,
  tell: Pick<Teller, 'step'>,
  started: (() => Promise<void>)[],
): Promise<Omit<Stack, 'stop'>> {
  const logs = logsOf(options.directory)
  const run = async (plan: ServicePlan, logName: string) => {
    const service = await serviceFor(plan, join(logs, `${logName}.log`), options.seed)
    started.push(service.stop)
    await service.start()
    return service
  }
  const runHere = async (plan: ServicePlan) => {
    const { inPlaceHere } = await import('./in-process.ts')
    const service = inPlaceHere(plan)
    started.push(service.stop)
    await service.start()
    return service
  }
  const instances: Service[] = []
  const runScaled = async (plan: ServicePlan, count: number) => {
    const scaled = await scaledOf(plan, { count, watch: options.watch, logFileOf: (name) => join(logs, `${name}.log`) })
    started.push(scaled.stop)
    await scaled.start()
    instances.push(...scaled.instances)
    return scaled
  }
  const planned = await planServices({ ...options, issuer, chain, storage })
  const plans = planned.map((plan) => ({ ...plan, env: { ...plan.env, ...options.env?.[plan.name] } }))
  const services = new Map<ServiceName, Service>()
  const members: Service[] = []
  for (const [place, plan] of plans.entries()) {
    const { name } = plan
    const { instances: count, directory } = options
    if (name === 'sigpair' && options.p2 === 'committee') {
      const committee = await startInSigpairsPlace(plan, { directory, run: options.membersHere ? runHere : run, tell })
      members.push(...committee.members)
      services.set(name, committee.gateway.service)
      plans[place] = committee.gateway.plan
      continue
    }
    const start = async () => (count === undefined ? run(plan, name) : runScaled(plan, count))
    services.set(name, await tell.step(count === undefined ? name : `${name}, ${count} times`, start, at(urlOf(plan))))
  }
  const [sigpairUrl, , functionsUrl] = plans.map(urlOf) as [string, string, string]
  const tokenOf = async (user: string) => issuer.token(user)
  const planOf = (name: ServiceName) => plans.find((one) => one.name === name)!
  return {
    functionsUrl,
    sigpairUrl,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    issuerUrl: issuer.issuer,
    logs,
    databases: databasesOf(storage, options.directory),
    tokenOf,
    pin: async () => pinOf(functionsUrl, await tokenOf('operator')),
    service: (name) => services.get(name)!,
    members,
    instances,
    planOf,
    another: async (name, env) => {
      const plan = planOf(name)
      return run({ ...plan, env: { ...plan.env, ...env } }, `${name}-${env['PORT']}`)
    },
  }
}

async function serviceFor(plan: ServicePlan, logFile: string, seed: string | undefined): Promise<Service> {
  if (seed === undefined) return serviceOf({ ...plan, healthUrl: healthOf(plan), logFile })
  const { inProcess } = await import('./in-process.ts')
  return inProcess(plan, seed)
}

const logsOf = (directory: string) => join(directory, 'logs')

const addressOf = ({ env }: ServicePlan) => `${env['HOST']}:${env['PORT']}`

const urlOf = (plan: ServicePlan) => `${plan.name === 'sigpair' ? 'ws' : 'http'}://${addressOf(plan)}`

const healthOf = (plan: ServicePlan) => `http://${addressOf(plan)}/health/ready`

const LABELS: Readonly<Record<keyof Ports, string>> = {
  functions: 'functions',
  duoNode: 'duo-node',
  sigpair: 'Sigpair',
  sigpairInternal: 'Sigpair’s internal HTTP',
  issuer: 'the OIDC issuer',
  kms: 'the local KMS',
  chain: 'the EVM node',
  firestore: 'Firestore’s emulator',
}

/** All of them before anything starts, so that nothing has to be taken down again. */
async function requireFreePorts({ ports, host, chainUrl, storage }: StackOptions): Promise<void> {
  for (const name of Object.keys(ports) as (keyof Ports)[]) {
    if (name === 'chain' && chainUrl !== undefined) continue
    if (name === 'firestore' && (storage.engine === 'sqlite' || storage.emulatorHost !== undefined)) continue
    const { flag, variable } = PORT_FLAGS[name]
    const open = name === 'functions' || name === 'sigpair' ? host : '127.0.0.1'
    await requireFreePort({ ...portOf(LABELS[name], ports[name], flag, variable), host: open })
  }
}

async function pinOf(functionsUrl: string, token: string): Promise<Pin> {
  const answer = await fetch(`${functionsUrl}/api/v1/mpc/cloud-public-key`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok)
    throw new Error(`functions does not know Sigpair's public keys: ${answer.status} ${await answer.text()}`)
  const { publicKey, identity, committee } = cloudPublicKeyResponse.parse(await answer.json())
  return { publicKey, identity, committee }
}

function at(text: string): () => string {
  return () => text
}
