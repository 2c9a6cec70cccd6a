import { openBreath } from '../../sigpair/src/committee/operations/breath.ts'

test('of all who compute, one goes on in each turn of the event loop, and they take turns', async () => {
  const breathe = openBreath()
  let turn = 0
  let over = false
  const count = () => {
    turn++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const went: { readonly who: string; readonly in: number }[] = []
  const compute = async (who: string) => {
    for (let slice = 0; slice < 4; slice++) {
      await breathe()
      went.push({ who, in: turn })
    }
  }
  await Promise.all(['a', 'b', 'c'].map(compute))
  over = true
  expect(new Set(went.map((one) => one.in)).size).toBe(12)
  expect(went.map(({ who }) => who).join('')).toBe('abcabcabcabc')
})
