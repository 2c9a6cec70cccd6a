import { AbiCoder, concat, getAddress, Interface } from 'ethers'
import { type ContractName, readArtefacts } from '../contracts/artefacts.ts'

/** Two tokens with a pair between them and a router over it, on a development node, owned by its first account. */
export type Market = {
  readonly [name in 'tokenA' | 'tokenB' | 'pair' | 'router']: string
} & {
  /** gives away what the owner holds */
  readonly give: (token: string, to: string, amount: bigint) => Promise<void>
  readonly balanceOf: (token: string, owner: string) => Promise<bigint>
  readonly allowance: (token: string, owner: string, spender: string) => Promise<bigint>
}

/** JSON-RPC to the node. */
type Call = (method: string, params: readonly unknown[]) => Promise<unknown>

const ABI = new Interface([
  'function transfer(address,uint256)',
  'function sync()',
  'function register(address)',
  'function balanceOf(address) view returns (uint256)',
  'function allowance(address,address) view returns (uint256)',
])
const { contracts } = readArtefacts()

const SUPPLY = 10n ** 30n
const RESERVE = 10n ** 24n

export async function openMarket(call: Call): Promise<Market> {
  const [owner] = (await call('eth_accounts', [])) as string[]
  const send = async (tx: object) => mined(call, String(await call('eth_sendTransaction', [{ from: owner, ...tx }])))
  const deploy = async (name: ContractName, ...args: readonly (string | bigint)[]) => {
    const types = args.map((arg) => (typeof arg === 'bigint' ? 'uint256' : 'address'))
    const data = concat([contracts[name], AbiCoder.defaultAbiCoder().encode(types, args)])
    return getAddress(String((await send({ data, gas: '0x2dc6c0' })).contractAddress))
  }
  const ask = async (to: string, method: string, args: readonly string[]) => {
    const answer = await call('eth_call', [{ to, data: ABI.encodeFunctionData(method, args) }, 'latest'])
    return BigInt(String(answer))
  }
  const give = async (token: string, to: string, amount: bigint) => {
    await send({ to: token, data: ABI.encodeFunctionData('transfer', [to, amount]) })
  }
  const [tokenA, tokenB] = [await deploy('Token', SUPPLY), await deploy('Token', SUPPLY)]
  const pair = await deploy('Pair', tokenA, tokenB)
  const router = await deploy('Router')
  for (const token of [tokenA, tokenB]) await give(token, pair, RESERVE)
  await send({ to: pair, data: ABI.encodeFunctionData('sync') })
  await send({ to: router, data: ABI.encodeFunctionData('register', [pair]) })
  return {
    ...{ tokenA, tokenB, pair, router, give },
    balanceOf: (token, account) => ask(token, 'balanceOf', [account]),
    allowance: (token, account, spender) => ask(token, 'allowance', [account, spender]),
  }
}

type Receipt = { readonly status: string; readonly contractAddress: string | null }

async function mined(call: Call, hash: string): Promise<Receipt> {
  for (;;) {
    const receipt = (await call('eth_getTransactionReceipt', [hash])) as Receipt | null
    if (receipt?.status === '0x0') throw new Error(`${hash} was reverted`)
    if (receipt !== null) return receipt
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
