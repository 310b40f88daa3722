/**
 * Measures `native-models/mini-clip` (or any dual encoder) on objects that training never saw.
 *
 *     npm run evaluate:mini-clip -- [--model FOLDER] [--seeds 1,2,3] [--no-rooms]
 *
 * Protocol, per seed: 100 objects with pairwise distinct full descriptions ("red striped ceramic mug", "plain red ceramic mug"), 60 of
 * them in 30 pairs of one category that differ in one attribute; one picture of each, on a stage of its own from a random side, with
 * all lights (training has fewer); the crop that the language pipeline makes of the object's true mask. The nearest crop of each text
 * and the nearest text of each crop among all 100 count. Once with combinations that training saw on other objects, once with
 * combinations that it never saw; then 100 objects of messy rooms, small and half hidden, in the view that shows most of each. There
 * also the gate of the language pipeline: how many names of colour and category lie above all generic words on their crop, and of as many
 * names of things that no crop shows, how many do so on one crop, and on some crop of 25.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDualEncoder } from '../../worker/models/index.ts';
import { objectCrops, questions, type Retrieval, type RoomCrop, retrieval, roomCrops } from './evaluation.ts';
import { CROPS_OF_A_ROOM, gateShares } from './gate.ts';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: new URL('../mini-clip', import.meta.url).pathname },
    seeds: { type: 'string', default: '1,2,3' },
    rooms: { type: 'boolean', default: true },
    misses: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
function report(name: string, { textToImage, imageToText, misses }: Retrieval): void {
  console.log(`${name}: R@1 text to image ${percent(textToImage)}, image to text ${percent(imageToText)}`);
  if (options.misses) for (const [asked, found] of misses) console.log(`    "${asked}" found "${found}"`);
}

async function reportGate(name: string, rooms: readonly RoomCrop[], images: Float32Array): Promise<void> {
  const { present, absent, anywhere } = await gateShares(encoder, rooms, images, `mini-clip/absent/${name}`);
  console.log(
    `${name}: above the generic words: names of what is there ${percent(present)}, ` +
      `of what is not ${percent(absent)}, on some crop of ${CROPS_OF_A_ROOM} ${percent(anywhere)}`,
  );
}

const encoder = await openDualEncoder(options.model, { threads: 1 });
const files = await readdir(options.model, { recursive: true, withFileTypes: true });
let bytes = 0;
for (const file of files) if (file.isFile()) bytes += (await stat(join(file.parentPath, file.name))).size;
console.log(`${encoder.name}, ${(bytes / 1e6).toFixed(2)} MB, fingerprint ${encoder.fingerprint}`);
for (const seed of options.seeds.split(',')) {
  for (const heldOut of [false, true]) {
    const asked = questions(`evaluation/${seed}`, heldOut);
    const names = asked.map(({ text }) => text);
    const choices = asked.map(({ choice }) => choice);
    const texts = await encoder.encodeTexts(names);
    const images = await encoder.encodeImages(objectCrops(choices, `evaluation/${seed}/${heldOut}`));
    const paired = asked.filter(({ differsIn }) => differsIn).length;
    const kind = heldOut ? 'combinations never seen' : 'unseen objects';
    report(
      `seed ${seed}, ${kind} (${names.length}, ${paired} in pairs)`,
      retrieval(texts, images, encoder.dimensions, names),
    );
  }
  if (!options.rooms) continue;
  const rooms = await roomCrops(`evaluation/${seed}`);
  const names = rooms.map(({ text }) => text);
  const texts = await encoder.encodeTexts(names);
  const images = await encoder.encodeImages(rooms.map(({ crop }) => crop));
  const kind = `seed ${seed}, objects in messy rooms (${names.length})`;
  report(kind, retrieval(texts, images, encoder.dimensions, names));
  await reportGate(kind, rooms, images);
}
await encoder.dispose();
