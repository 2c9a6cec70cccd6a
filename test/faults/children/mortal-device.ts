import { createTandemClient, defaultPlatform, type Pin, type Platform, type Socket, type Vault } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import { fast } from '../../helpers/backends.ts'
import { flowOf, type Prepared } from '../flows.ts'
import { wrapSocket } from '../wrap-socket.ts'
import { type Moment, mortality } from './mortal.ts'

/** What a device in a process of its own is told. */
export type ToDevice = {
  readonly baseUrl: string
  readonly token: string
  readonly pin: Pin
  readonly vaultFolder: string
  readonly vaultKey: readonly number[]
  readonly flow: string
  readonly prepared: Prepared
  readonly diesAt: Moment
}

/** A device that can be killed before and after each write, each frame and each call. */
const { around, arm, moments } = mortality()

function mortalVault(vault: Vault): Vault {
  return {
    ...vault,
    put: async (name, value) => around('write', async () => vault.put(name, value)),
    delete: async (name) => around('write', async () => vault.delete(name)),
  }
}

function mortalPlatform(platform: Platform): Platform {
  return {
    ...platform,
    fetch: async (url, request) => around('call', async () => platform.fetch(url, request)),
    connect: (url, subprotocols) => mortalSocket(platform.connect(url, subprotocols)),
  }
}

function mortalSocket(socket: Socket): Socket {
  return wrapSocket(socket, {
    sending: (send) => around('frame out', send),
    hearing: (data, hear) => around('frame in', () => hear(data)),
  })
}

const told = JSON.parse(process.argv[2] ?? '') as ToDevice
const { baseUrl, token, pin, vaultFolder, vaultKey, prepared, diesAt } = told
const device = createTandemClient({
  baseUrl,
  pin,
  token: async () => token,
  vault: mortalVault(await fileVault(vaultFolder, Uint8Array.from(vaultKey))),
  platform: mortalPlatform(defaultPlatform()),
  backend: fast,
  stock: 0,
})
arm(diesAt)
await flowOf(told.flow).act(device, prepared)
process.stdout.write(JSON.stringify(moments()))
