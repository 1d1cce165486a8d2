// Gives the App the colours of labels that it did not know when it loaded the page.
//
// The App forgets a colour scheme that is set while it loads the dataset anew, as it does whenever a panel is opened, moved or
// closed, and labels bring that about: so it is looked whether the colours are there, for a while.

import { host } from "./host";

const CHECK_MS = 500;
const CHECKS = 30;

interface ColourScheme {
    fields?: { path: string }[] | null;
}

interface Params {
    dataset: string;
    scheme: Required<ColourScheme>;
}

interface State {
    snapshot: { getPromise(state: unknown): Promise<unknown> };
    set(state: unknown, value: unknown): void;
}

export function registerUseColours() {
    class UseColours extends host.__foo__.Operator {
        get config() {
            return new host.__foo__.OperatorConfig({ name: "use_colours", label: "Use colours", unlisted: true });
        }

        useHooks() {
            // Each call sees the App's state as it is then.
            const give = host.recoil.useRecoilCallback(
                ({ snapshot, set }: State) =>
                    async ({ dataset, scheme }: Params) => {
                        const [name, before] = await Promise.all(
                            [host.__fos__.datasetName, host.__fos__.colorScheme].map((state) => snapshot.getPromise(state)),
                        );
                        if (name === dataset && !hasColours(before as ColourScheme, scheme)) {
                            set(host.__fos__.colorScheme, { ...(before as ColourScheme), ...scheme });
                        }
                    },
                [],
            );
            return { give };
        }

        execute({ hooks, params }: { hooks: { give(params: Params): Promise<void> }; params: Params }) {
            let checks = 0;
            const check = () => {
                void hooks.give(params);
                if (++checks < CHECKS) setTimeout(check, CHECK_MS);
            };
            check(); // not awaited: what the App is asked for next must not wait
        }
    }
    host.__foo__.registerOperator(UseColours, "@densepose/annotator");
}

/** Colours that somebody has chosen for these labels meanwhile stay. */
function hasColours(scheme: ColourScheme, wanted: Required<ColourScheme>): boolean {
    const paths = new Set(scheme.fields?.map(({ path }) => path));
    return (wanted.fields ?? []).every(({ path }) => paths.has(path));
}
