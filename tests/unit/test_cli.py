def test_x(tiny_run):
    print(list(tiny_run.folder.iterdir()))
    import shutil; shutil.copytree(tiny_run.folder,"/tmp/tinyruns",dirs_exist_ok=True); shutil.copy(tiny_run.data,"/tmp/tinyruns/tiny.npz")
