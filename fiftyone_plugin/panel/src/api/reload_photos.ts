// Has the App's grid read its photos anew; its filters, selection and place stay.
//
// The App's own `reload_samples` does not do it: the grid then shows the photos that the App keeps in memory.

import { host } from "./host";

function reloadPhotos(count: (change: (count: number) => number) => void) {
    host.__fos__.getCurrentEnvironment().commitUpdate((store) => store.invalidateStore());
    count((before) => before + 1);
}

/** For a panel: the App's operators break the whole page as long as the App has not loaded them. */
export function useReloadPhotos(): () => void {
    const count = host.recoil.useSetRecoilState<number>(host.__fos__.refresher);
    return React.useCallback(() => reloadPhotos(count), [count]);
}

/** For the server, which triggers it as an operator of the App. */
export function registerReloadPhotos() {
    class ReloadPhotos extends host.__foo__.Operator {
        get config() {
            return new host.__foo__.OperatorConfig({ name: "reload_photos", label: "Reload photos", unlisted: true });
        }

        execute({ state }: { state: { set(atom: unknown, change: (count: number) => number): void } }) {
            reloadPhotos((change) => state.set(host.__fos__.refresher, change));
        }
    }
    host.__foo__.registerOperator(ReloadPhotos, "@densepose/annotator");
}
