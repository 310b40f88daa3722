/** The model drawn by Spark, on hardware adapters. */
import { useThree } from '@react-three/fiber';
import { useEffect } from 'react';
import { routes } from '../../../contract/index.ts';
import { failureOf, useStudio } from '../../state/index.ts';

export function SparkSplats({ splatsId, onReady }: { splatsId: number; onReady: (ready: boolean) => void }) {
  const studio = useStudio();
  const gl = useThree((state) => state.gl);
  const scene = useThree((state) => state.scene);
  useEffect(() => {
    let gone = false;
    let remove: () => void = () => undefined;
    const load = async (): Promise<void> => {
      const { SparkRenderer, SplatMesh } = await import('@sparkjsdev/spark');
      if (gone) return;
      // As our training blends: the low-pass of 0.3 pixels before the conic, no blur after it, sorted by depth.
      const spark = new SparkRenderer({ renderer: gl, preBlurAmount: 0.3, blurAmount: 0, sortRadial: false });
      const mesh = new SplatMesh({ url: routes.splatsPly(splatsId) });
      scene.add(spark, mesh);
      remove = () => {
        scene.remove(spark, mesh);
        mesh.dispose();
        spark.dispose();
      };
      await mesh.initialized;
      if (!gone) onReady(true);
    };
    load().catch((error: unknown) => {
      if (!gone) studio.toastFailure(failureOf(error));
    });
    return () => {
      gone = true;
      onReady(false);
      remove();
    };
  }, [studio, gl, scene, splatsId, onReady]);
  return null;
}
