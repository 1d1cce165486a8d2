// What the panel uses of the App that hosts it. The App puts its modules on `window` for plugins.

interface OperatorResponse {
    result?: unknown;
    error?: string | null;
    error_message?: string;
}

interface Host {
    recoil: {
        useRecoilValue<T>(state: unknown): T;
        useSetRecoilState<T>(state: unknown): (change: (value: T) => T) => void;
        useRecoilCallback<T>(callback: (state: never) => T, dependencies: unknown[]): T;
    };
    __fos__: {
        datasetName: unknown;
        colorScheme: unknown;
        view: unknown;
        nullableModalSampleId: unknown;
        /** A number; a change has the grid read its samples anew. */
        refresher: unknown;
        /** What the App has read from the server, which it does not read again as long as it is valid. */
        getCurrentEnvironment(): { commitUpdate(update: (store: { invalidateStore(): void }) => void): void };
        getSampleSrc(path: string): string;
    };
    __foo__: {
        executeOperator(uri: string, params: object, options?: object): void;
        registerOperator(operator: unknown, plugin: string): void;
        Operator: new () => object;
        OperatorConfig: new (config: { name: string; label: string; unlisted: boolean }) => object;
    };
    __fou__: {
        getFetchFunction(): (method: string, path: string, body: object) => Promise<OperatorResponse>;
    };
    __fop__: {
        registerComponent(registration: object): void;
        PluginComponentType: { Panel: number };
    };
}

export const host = window as unknown as Host;

export const useDatasetName = () => host.recoil.useRecoilValue<string | null>(host.__fos__.datasetName);

/** Id of the sample that is open in the App's modal, null if none is. */
export const useModalSample = () => host.recoil.useRecoilValue<string | null>(host.__fos__.nullableModalSampleId);

/** What the grid shows: the stages of a view, none for the whole dataset. */
export const useView = () => host.recoil.useRecoilValue<unknown[]>(host.__fos__.view);

export const photoUrl = (filepath: string) => host.__fos__.getSampleSrc(filepath);

export const registerPanel = (registration: object) =>
    host.__fop__.registerComponent({ type: host.__fop__.PluginComponentType.Panel, ...registration });

/** The server answered, and refused: asking again would not help. Every other error may pass. */
export class RefusedError extends Error {}

/**
 * Run an operator of the plugin; rejects with a RefusedError, or with another error if no answer came.
 *
 * Posted directly and not through the App's `executeOperator`: that one breaks the whole page as long as the App
 * has not loaded its list of operators, and so whenever it restores this panel.
 */
export async function runOperator<T>(uri: string, params: object, dataset: string, view: unknown[]): Promise<T> {
    const body = { operator_uri: uri, params, dataset_name: dataset, view };
    const response = await host.__fou__.getFetchFunction()("POST", "/operators/execute", body);
    if (response.error) throw new RefusedError(response.error_message || response.error.trim().split("\n").at(-1));
    if (!response.result) throw new Error("no answer");
    return response.result as T;
}

/** Open an operator's form. */
export const promptOperator = (uri: string) =>
    host.__foo__.executeOperator("prompt_user_for_operation", { operator_uri: uri, params: {} });

export const openPanel = (name: string) => host.__foo__.executeOperator("open_panel", { name, isActive: true, layout: "horizontal" });

/** Whether the App's grid is on the screen, beside this panel, and no photo is open over it. */
export function isGridShown(): boolean {
    const isModal = document.querySelector("[data-cy=modal]") !== null;
    return !isModal && !!document.querySelector("[data-cy=fo-grid]")?.checkVisibility();
}
