export { mountStudio } from './mount.tsx';
