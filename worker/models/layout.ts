/** Names that published ONNX models give their files. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Endings by precision, in the order of preference: as exact as a CPU runs well, first. */
const VARIANTS = ['', '_fp16', '_quantized', '_int8', '_uint8', '_q8', '_q4', '_q4f16', '_bnb4'] as const;
const GRAPH_FOLDERS = ['onnx/', ''] as const;

/** The first that exists of the usual names of a graph, relative to the folder. */
export async function findGraph(folder: string, name: string): Promise<string | undefined> {
  for (const variant of VARIANTS) {
    for (const inside of GRAPH_FOLDERS) {
      const file = `${inside}${name}${variant}.onnx`;
      if (await isFile(join(folder, file))) return file;
    }
  }
  return undefined;
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
