import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Moment } from './children/mortal.ts'
import type { ToDevice } from './children/mortal-device.ts'
import type { Flow, Prepared } from './flows.ts'
import {
  requireDead,
  requireEveryQuorum,
  requireNothingOpen,
  requireOnePair,
  requirePresigned,
  requireWorking,
} from './require.ts'
import type { FaultWorld } from './world.ts'

export type Victim = 'sigpair' | 'device' | 'member' | 'gateway'

/** One death, and what it led to. */
export type Point = {
  readonly flow: Flow
  readonly victim: Victim
  /** of the victim's */
  readonly diesAt: Moment
}

export type Outcome = {
  /** whether the victim lived to the end: there is no such moment */
  readonly survived: boolean
  /** names of the victim's moments, if it lived */
  readonly moments: readonly string[]
  /** whether the flow reported success, whoever died */
  readonly succeeded: boolean
}

const DEVICE = join(import.meta.dirname, 'children/mortal-device.ts')

/** Longest flow, with every repetition of a request; beyond it somebody hangs. */
const PATIENCE_MS = 60_000

/** Sigpair writes nothing later than this after an answer. */
const AFTERWARDS_MS = 150

/**
 * Lets one side die at one moment, starts it again, reconciles, and demands exactly one working pair; then does it
 * again, undisturbed, and demands that what a lost device, or a copy of this one, had before is dead.
 *
 * @throws {Error} saying what does not hold
 */
export async function dieAt(world: FaultWorld, { flow, victim, diesAt }: Point, run: string): Promise<Outcome> {
  const user = `${flow.name}-${victim}-${diesAt}-${run}`.replaceAll(' ', '-')
  const vaultFolder = world.folder(user)
  const before = await world.device(user, vaultFolder)
  const lost = `${vaultFolder}-lost`
  const prepared = await flow.prepare(before, async () => world.device(user, lost))
  await before.close()
  if (!existsSync(lost)) await cp(vaultFolder, lost, { recursive: true })

  const part = { flow, prepared, user, vaultFolder, diesAt }
  const outcome = await within(victim === 'device' ? deviceDies(world, part) : serviceDies(world, victim, part))

  const device = await world.device(user, vaultFolder)
  const wallet = await within(flow.settle(device, prepared))
  await requireOnePair(world, vaultFolder, wallet, { user, when: 'after a crash' })
  await requireWorking(world, device, wallet, user)
  await requireEveryQuorum(world, vaultFolder, wallet, user)
  await flow.again?.(device, prepared)
  await requireOnePair(world, vaultFolder, wallet, { user, when: 'at the end' })
  await requireNothingOpen(world, wallet)
  await requirePresigned(device, wallet)
  if (prepared.wallet !== undefined) await requireDead(await world.device(user, lost), wallet)
  await device.close()
  return outcome
}

type Part = {
  readonly flow: Flow
  readonly prepared: Prepared
  readonly user: string
  readonly vaultFolder: string
  readonly diesAt: Moment
}

async function serviceDies(
  world: FaultWorld,
  victim: Victim,
  { flow, prepared, user, vaultFolder, diesAt }: Part,
): Promise<Outcome> {
  const service = world.mortals[victim]
  if (service === undefined) throw new TypeError(`there is no ${victim} beside a ${world.beside}`)
  const device = await world.device(user, vaultFolder)
  await service.arm(diesAt)
  const death = service.nextDeath()
  const succeeded = await flow.act(device, prepared).then(
    () => true,
    () => false,
  )
  await device.close()
  // What it does after its last answer is part of the flow.
  await Promise.race([death.happened, delay(AFTERWARDS_MS)])
  if (await death.over()) return { survived: false, moments: [], succeeded }
  const moments = await service.moments()
  await service.arm(-1)
  return { survived: true, moments, succeeded }
}

async function deviceDies(world: FaultWorld, { flow, prepared, user, vaultFolder, diesAt }: Part): Promise<Outcome> {
  const told: ToDevice = {
    baseUrl: world.backend.url,
    token: await world.backend.issuer.tokenOf(user),
    pin: world.pin,
    vaultFolder,
    vaultKey: [...world.vaultKey],
    flow: flow.name,
    prepared,
    diesAt,
  }
  const child = spawn(process.execPath, [DEVICE, JSON.stringify(told)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (signal === 'SIGKILL') return { survived: false, moments: [], succeeded: false }
  if (code !== 0) throw new Error(`the device ended with ${code}`)
  return { survived: true, moments: JSON.parse(said) as string[], succeeded: true }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happens for ${PATIENCE_MS / 1_000} s`)), PATIENCE_MS)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
