import type { Progress, TandemOptions } from '@tandem/client'
import { parseEther, verifyMessage } from 'ethers'
import { faultsOf, restartUnderLoad } from '../../infra/local/src/stack/rolling.ts'
import type { WatchInstances } from '../../infra/local/src/stack/scaled.ts'
import type { Service } from '../../infra/local/src/processes/service-process.ts'
import { expectSigns, type Owner, ownerOn } from '../helpers/owner.ts'
import { ask } from '../helpers/stack.ts'
import { describeFirestore } from '../store/emulator.ts'
import { onFirestore, type ScaleWorld, startScaleWorld, untilItWorks } from './world.ts'

/**
 * Two processes of every service on one Firestore emulator, behind balancers that send each request, and each WebSocket, to
 * the other one than before.
 * Measured: four to eight minutes on two cores that twenty other processes want too, two and a half of them of processor time.
 */
const START_MS = 180_000
const STORY_MS = 600_000

describeFirestore('two of every service, without affinity', () => {
  let world: ScaleWorld
  beforeAll(async () => {
    world = await startScaleWorld(onFirestore())
  }, START_MS)
  afterAll(() => world.close(), START_MS)

  test(
    'a wallet lives its whole life, and every instance has had a part in it',
    async () => {
      const { stack } = world
      const { device, wallet, code } = await ownerOn(stack, 'alice')
      await stack.chain.fund(wallet.address, parseEther('1'))
      await device.fillPresignatures(wallet, 4)
      const to = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
      for (const how of ['presignature', 'interactive', 'presignature', 'interactive'] as const) {
        const sent = await device.sendTransaction(wallet, { to, value: 1n, chainId: stack.chainId, how })
        expect(await sent.wait()).toMatchObject({ status: 'mined' })
      }
      expect(verifyMessage('hello', await device.signMessage(wallet, 'hello'))).toBe(wallet.address)
      await device.rotateKey(wallet, { backups: 'waived', twoFactorCode: code() })
      await expectSigns(device, wallet)
      expect([...world.asked].sort()).toEqual(stack.instances.map(({ name }) => name).sort())
      await device.close()
    },
    STORY_MS,
  )

  describe('a rotation', () => {
    const inForce = async (owner: Owner) => {
      const { body } = await ask(world.stack, owner.user, 'GET', `/api/v1/profiles/${owner.wallet.profileId}`)
      return { epoch: body['epoch'], status: body['keyStatus'] }
    }

    /** Rotates, loses an instance, and goes on with what is left; it comes back when all is over. */
    async function rotateLosing(owner: Owner, victim: () => Service | undefined): Promise<void> {
      const { device, wallet, code } = owner
      const rotate = async () => device.rotateKey(wallet, { backups: 'waived', twoFactorCode: code() })
      const first = await rotate().then(
        () => undefined,
        (error: { readonly retryable?: boolean }) => error,
      )
      world.watching(undefined)
      const dead = victim()
      await dead?.kill()
      expect(dead?.ended()).toBe('SIGKILL')
      if (first !== undefined) expect(first).toMatchObject({ retryable: true })

      await untilItWorks(async () => device.resume())
      if ((await inForce(owner)).epoch === 0) await untilItWorks(rotate)
      expect(await inForce(owner)).toEqual({ epoch: 1, status: 'READY' })
      await expectSigns(device, wallet, 'with half of us')
      await dead!.start()
      for (const text of ['with the one', 'and the other']) await expectSigns(device, wallet, text)
      await device.close()
    }

    /** Kills the instance that is handed what `hit` names, at once or a little later: then it is in the middle of it. */
    function killing(hit: (...passing: Parameters<WatchInstances>) => boolean, afterMs = 0) {
      let victim: Service | undefined
      const watch: WatchInstances = (instance, passing) => {
        if (victim !== undefined || !hit(instance, passing)) return
        victim = instance
        setTimeout(() => void instance.kill(), afterMs)
      }
      return { watch, victim: () => victim }
    }

    const isCommit = (target: string) => /\/rotate$|\/rotate-key$/.test(target)

    test(
      'in whose dialogue a Sigpair dies is made with the other one',
      async () => {
        let last: Service | undefined
        let victim: Service | undefined
        const onProgress: TandemOptions['onProgress'] = ({ step }: Progress) => {
          if (step !== 'refresh' || victim !== undefined) return
          victim = last
          void last?.kill()
        }
        const owner = await ownerOn(world.stack, 'bob', { onProgress })
        world.watching((instance) => {
          if (instance.name.startsWith('sigpair-device')) last = instance
        })
        await rotateLosing(owner, () => victim)
      },
      STORY_MS,
    )

    test(
      'in whose commit a Sigpair dies is in force, or made again, and never half',
      async () => {
        const owner = await ownerOn(world.stack, 'carol')
        const { watch, victim } = killing(
          ({ name }, { moment, target }) =>
            name.startsWith('sigpair-internal') && moment === 'asked' && isCommit(target),
          10,
        )
        world.watching(watch)
        await rotateLosing(owner, victim)
      },
      STORY_MS,
    )

    test(
      'that is in force when functions dies, before it could say so, is found by asking the other one',
      async () => {
        const owner = await ownerOn(world.stack, 'dave')
        let functions: Service | undefined
        let victim: Service | undefined
        world.watching((instance, { moment, target }) => {
          if (!isCommit(target) || victim !== undefined) return
          if (instance.name.startsWith('functions') && moment === 'asked') functions = instance
          if (instance.name.startsWith('sigpair-internal') && moment === 'answered') {
            victim = functions
            void functions?.kill()
          }
        })
        await rotateLosing(owner, () => victim)
      },
      STORY_MS,
    )

    test(
      'that is on its way through a duo-node that dies arrives through the other one',
      async () => {
        const owner = await ownerOn(world.stack, 'erin')
        let victim: Service | undefined
        const [one, other] = world.stack.instances.filter(({ name }) => name.startsWith('duo-node'))
        world.watching(({ name }, { moment, target }) => {
          if (!name.startsWith('sigpair-internal') || moment !== 'answered' || !isCommit(target) || victim) return
          // Which of the two has asked does not show: the first one dies now, the other one in the repetition
          victim = one
          void one?.kill()
        })
        await rotateLosing(owner, () => victim)
        expect(other?.ended()).toBeUndefined()
      },
      STORY_MS,
    )
  })

  describe('a limit', () => {
    const wallets = new Map<string, string>()
    beforeAll(async () => {
      for (const user of ['frank', 'grace']) {
        const device = world.stack.device(user)
        wallets.set(user, (await device.createWallet('Savings')).keyId)
        await device.close()
      }
    }, STORY_MS)

    const askTicket = async (user: string) =>
      ask(world.stack, user, 'POST', '/api/v1/mpc/tickets', { operation: 'refresh', keyId: wallets.get(user) })

    /** How many of the calls get past the limit. */
    async function past(count: number, atATime: number, call: (i: number) => ReturnType<typeof ask>): Promise<number> {
      let next = 0
      let passed = 0
      const work = async () => {
        while (next < count) {
          const i = next++
          const { status } = await call(i)
          expect([200, 429]).toContain(status)
          if (status === 200) passed += 1
        }
      }
      await Promise.all(Array.from({ length: atATime }, work))
      return passed
    }

    test(
      'of thirty dialogues an hour lets thirty tickets pass, whichever instance is asked',
      async () => {
        const passed = await past(48, 3, async () => askTicket('frank'))
        // The wallet's own has been the first. What the store could not decide for the crowd was refused: never more, and no fewer once all have been asked
        expect(passed).toBeLessThanOrEqual(29)
        const rest = await past(30, 1, async () => askTicket('frank'))
        expect(passed + rest).toBe(29)
      },
      STORY_MS,
    )

    test(
      'is of one user: another one has all of his',
      async () => {
        expect((await askTicket('grace')).status).toBe(200)
        expect((await askTicket('frank')).status).toBe(429)
      },
      STORY_MS,
    )
  })

  test(
    'every instance is restarted, one after the other, while four devices pay: nothing is lost, nothing paid twice',
    async () => {
      const { stack } = world
      const payers = await world.payers(4, 24)
      const { instances, chainId } = stack
      const told: string[] = []
      const { payments, restarts } = await restartUnderLoad({
        instances,
        payers,
        chainId,
        restarted: ({ name, drainMs, readyMs }) =>
          void told.push(`${name}: ended in ${Math.round(drainMs)} ms, back in ${Math.round(readyMs)} ms`),
      })
      expect(restarts.map(({ name }) => name)).toEqual(instances.map(({ name }) => name))
      expect(await faultsOf(payments, payers, stack.chain)).toEqual([])
      for (const { device, wallet } of payers) {
        await expectSigns(device, wallet)
        expect(await device.fillPresignatures(wallet, 2)).toBeGreaterThanOrEqual(2)
      }
      const again = payments.flatMap(({ failures }) => failures)
      const slowest = Math.round(Math.max(...payments.map(({ ms }) => ms)))
      told.push(
        `${payments.length} payments, slowest ${slowest} ms, asked again ${again.length} times: ${again.join()}`,
      )
      process.stderr.write(`${told.join('\n')}\n`)
    },
    STORY_MS,
  )
})
