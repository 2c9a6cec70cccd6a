import { type Balancer, type Passing, startBalancer } from '../processes/balancer.ts'
import { freePort } from '../processes/ports.ts'
import { type Service, serviceOf } from '../processes/service-process.ts'
import type { ServicePlan } from './services.ts'

/** Several processes of one service behind one address; to whoever calls they are one. */
export type ScaledService = Service & { readonly instances: readonly Service[] }

/** Hears of a call before the instance has it, and before the caller has its answer. */
export type WatchInstances = (instance: Service, passing: Omit<Passing, 'instance'>) => void

/** One address that a service is reached at, and what each process behind it is told. */
type Front = {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly portVariable: 'PORT' | 'INTERNAL_PORT'
  readonly env: Readonly<Record<string, string>>
}

/** Sigpair runs twice, as on Cloud Run: for devices, and for duo-node. */
function frontsOf({ name, env }: ServicePlan): readonly Front[] {
  const port = Number(env['PORT'])
  const host = env['HOST'] ?? '127.0.0.1'
  if (name !== 'sigpair') return [{ name, host, port, portVariable: 'PORT', env: {} }]
  return [
    { name: 'sigpair-device', host, port, portVariable: 'PORT', env: { SIGPAIR_ROLE: 'device', TRUSTED_PROXIES: '1' } },
    {
      name: 'sigpair-internal',
      host: '127.0.0.1',
      port: Number(env['INTERNAL_PORT']),
      portVariable: 'INTERNAL_PORT',
      env: { SIGPAIR_ROLE: 'internal' },
    },
  ]
}

export type ScaleOptions = {
  readonly count: number
  readonly watch?: WatchInstances | undefined
  readonly logFileOf: (name: string) => string
}

/** The plan's ports become those of balancers, with `count` processes behind each, which know nothing of each other. */
export async function scaledOf(plan: ServicePlan, { count, watch, logFileOf }: ScaleOptions): Promise<ScaledService> {
  const parts: { readonly front: Front; readonly ports: readonly number[]; readonly services: readonly Service[] }[] =
    []
  for (const front of frontsOf(plan)) {
    const ports: number[] = []
    for (let i = 0; i < count; i++) ports.push(await freePort(parts.flatMap((part) => part.ports).concat(ports)))
    const services = ports.map((port, i) => instanceOf(plan, front, port, logFileOf(`${front.name}-${i + 1}`), i + 1))
    parts.push({ front, ports, services })
  }
  const instances = parts.flatMap(({ services }) => services)
  let balancers: readonly Balancer[] = []
  const end = async (how: 'kill' | 'stop') => {
    await Promise.all(balancers.map(async ({ close }) => close()))
    balancers = []
    await Promise.all(instances.map(async (instance) => instance[how]()))
  }
  return {
    name: plan.name,
    pid: () => instances[0]?.pid() ?? 0,
    ended: () => instances[0]?.ended(),
    instances,
    start: async () => {
      // one after the other: together they starve the emulator, and each other
      for (const instance of instances) await instance.start()
      balancers = await Promise.all(
        parts.map(async ({ front: { host, port }, ports, services }) =>
          startBalancer({
            host,
            port,
            ports,
            watch: ({ instance, ...passing }) => watch?.(services[instance]!, passing),
          }),
        ),
      )
    },
    kill: async () => end('kill'),
    stop: async () => end('stop'),
  }
}

function instanceOf(plan: ServicePlan, front: Front, port: number, logFile: string, number: number): Service {
  return serviceOf({
    name: `${front.name} ${number}`,
    args: plan.args,
    env: { ...plan.env, HOST: '127.0.0.1', ...front.env, [front.portVariable]: String(port) },
    logFile,
    healthUrl: `http://127.0.0.1:${port}/health/ready`,
  })
}
